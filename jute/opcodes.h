/* The numbers of the client protocol: opcodes, errors and enumerations
 * (client-protocol 1.5 to 1.8). Also the types of txns, which are opcodes. */
#ifndef JUTE_OPCODES_H
#define JUTE_OPCODES_H

#include <stdbool.h>
#include <stdint.h>

/* O(name, code, text) */
#define ZK_OPS(O)                                                      \
    O(CREATE_SESSION, -10, "createSession") /* Txns and peers only. */ \
    O(CLOSE_SESSION, -11, "closeSession")                              \
    O(ERROR, -1, "error") /* Txns and multi results only. */           \
    O(NOTIFICATION, 0, "notification")                                 \
    O(CREATE, 1, "create")                                             \
    O(DELETE, 2, "delete")                                             \
    O(EXISTS, 3, "exists")                                             \
    O(GET_DATA, 4, "getData")                                          \
    O(SET_DATA, 5, "setData")                                          \
    O(GET_ACL, 6, "getACL")                                            \
    O(SET_ACL, 7, "setACL")                                            \
    O(GET_CHILDREN, 8, "getChildren")                                  \
    O(SYNC, 9, "sync")                                                 \
    O(PING, 11, "ping")                                                \
    O(GET_CHILDREN2, 12, "getChildren2")                               \
    O(CHECK, 13, "check") /* Only inside a multi. */                   \
    O(MULTI, 14, "multi")                                              \
    O(CREATE2, 15, "create2")                                          \
    O(RECONFIG, 16, "reconfig")                                        \
    O(CHECK_WATCHES, 17, "checkWatches")                               \
    O(REMOVE_WATCHES, 18, "removeWatches")                             \
    O(CREATE_CONTAINER, 19, "createContainer")                         \
    O(DELETE_CONTAINER, 20, "deleteContainer")                         \
    O(CREATE_TTL, 21, "createTTL")                                     \
    O(MULTI_READ, 22, "multiRead")                                     \
    O(AUTH, 100, "auth")                                               \
    O(SET_WATCHES, 101, "setWatches")                                  \
    O(SASL, 102, "sasl")                                               \
    O(GET_EPHEMERALS, 103, "getEphemerals")                            \
    O(GET_ALL_CHILDREN_NUMBER, 104, "getAllChildrenNumber")            \
    O(SET_WATCHES2, 105, "setWatches2")                                \
    O(ADD_WATCH, 106, "addWatch")                                      \
    O(WHO_AM_I, 107, "whoAmI")

enum zk_op {
#define ZK_OP_VALUE(name, code, text) ZK_OP_##name = (code),
    ZK_OPS(ZK_OP_VALUE)
#undef ZK_OP_VALUE
};

/* E(name, code, text). The text is what ZK's Java client calls it. Never send a code
 * that is not here: clients throw on it. */
#define ZK_ERRS(E)                                                             \
    E(OK, 0, "Ok")                                                             \
    E(SYSTEM_ERROR, -1, "SystemError") /* Range mark. */                       \
    E(RUNTIME_INCONSISTENCY, -2, "RuntimeInconsistency")                       \
    E(DATA_INCONSISTENCY, -3, "DataInconsistency")                             \
    E(CONNECTION_LOSS, -4, "ConnectionLoss") /* Made by clients. */            \
    E(MARSHALLING_ERROR, -5, "MarshallingError")                               \
    E(UNIMPLEMENTED, -6, "Unimplemented")                                      \
    E(OPERATION_TIMEOUT, -7, "OperationTimeout")                               \
    E(BAD_ARGUMENTS, -8, "BadArguments")                                       \
    E(UNKNOWN_SESSION, -12, "UnknownSession") /* Internal: not for clients. */ \
    E(NEW_CONFIG_NO_QUORUM, -13, "NewConfigNoQuorum")                          \
    E(RECONFIG_IN_PROGRESS, -14, "ReconfigInProgress")                         \
    E(API_ERROR, -100, "APIError") /* Range mark. */                           \
    E(NO_NODE, -101, "NoNode")                                                 \
    E(NO_AUTH, -102, "NoAuth")                                                 \
    E(BAD_VERSION, -103, "BadVersion")                                         \
    E(NO_CHILDREN_FOR_EPHEMERALS, -108, "NoChildrenForEphemerals")             \
    E(NODE_EXISTS, -110, "NodeExists")                                         \
    E(NOT_EMPTY, -111, "NotEmpty")                                             \
    E(SESSION_EXPIRED, -112, "SessionExpired")                                 \
    E(INVALID_CALLBACK, -113, "InvalidCallback") /* Made by clients. */        \
    E(INVALID_ACL, -114, "InvalidACL")                                         \
    E(AUTH_FAILED, -115, "AuthFailed")                                         \
    E(SESSION_MOVED, -118, "SessionMoved")                                     \
    E(NOT_READ_ONLY, -119, "NotReadOnly")                                      \
    E(EPHEMERAL_ON_LOCAL_SESSION, -120, "EphemeralOnLocalSession")             \
    E(NO_WATCHER, -121, "NoWatcher")                                           \
    E(REQUEST_TIMEOUT, -122, "RequestTimeout") /* Made by clients. */          \
    E(RECONFIG_DISABLED, -123, "ReconfigDisabled")                             \
    E(SESSION_CLOSED_REQUIRE_SASL_AUTH, -124, "SessionClosedRequireSaslAuth")  \
    E(QUOTA_EXCEEDED, -125, "QuotaExceeded")                                   \
    E(THROTTLED_OP, -127, "ThrottledOp")

enum zk_err {
#define ZK_ERR_VALUE(name, code, text) ZK_##name = (code),
    ZK_ERRS(ZK_ERR_VALUE)
#undef ZK_ERR_VALUE
};

/* xids that are no request numbers. Ordinary ones are above 0. */
enum zk_xid {
    ZK_XID_WATCH = -1, /* Notification, server to client. */
    ZK_XID_PING = -2,  /* A ping's reply carries it whatever the request had. */
    ZK_XID_AUTH = -4,
    ZK_XID_SET_WATCHES = -8,
};

enum zk_perm {
    ZK_PERM_READ = 1,
    ZK_PERM_WRITE = 2,
    ZK_PERM_CREATE = 4,
    ZK_PERM_DELETE = 8,
    ZK_PERM_ADMIN = 16,
    ZK_PERM_ALL = 31,
};

/* `flags` of the create requests: values, not bits. */
enum zk_create_mode {
    ZK_CREATE_PERSISTENT = 0,
    ZK_CREATE_EPHEMERAL = 1,
    ZK_CREATE_PERSISTENT_SEQUENTIAL = 2,
    ZK_CREATE_EPHEMERAL_SEQUENTIAL = 3,
    ZK_CREATE_CONTAINER = 4,
    ZK_CREATE_PERSISTENT_WITH_TTL = 5,
    ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL = 6,
};

/* `type` of watcher_event. A server sends the first four. */
enum zk_event {
    ZK_EVENT_NONE = -1,
    ZK_EVENT_NODE_CREATED = 1,
    ZK_EVENT_NODE_DELETED = 2,
    ZK_EVENT_NODE_DATA_CHANGED = 3,
    ZK_EVENT_NODE_CHILDREN_CHANGED = 4,
    ZK_EVENT_DATA_WATCH_REMOVED = 5,
    ZK_EVENT_CHILD_WATCH_REMOVED = 6,
    ZK_EVENT_PERSISTENT_WATCH_REMOVED = 7,
};

/* `state` of watcher_event. A server sends ZK_STATE_SYNC_CONNECTED only. */
enum zk_state {
    ZK_STATE_UNKNOWN = -1,
    ZK_STATE_DISCONNECTED = 0,
    ZK_STATE_NO_SYNC_CONNECTED = 1,
    ZK_STATE_SYNC_CONNECTED = 3,
    ZK_STATE_AUTH_FAILED = 4,
    ZK_STATE_CONNECTED_READ_ONLY = 5,
    ZK_STATE_SASL_AUTHENTICATED = 6,
    ZK_STATE_CLOSED = 7,
    ZK_STATE_EXPIRED = -112,
};

/* `type` of checkWatches and removeWatches. */
enum zk_watcher_type {
    ZK_WATCHER_CHILDREN = 1,
    ZK_WATCHER_DATA = 2,
    ZK_WATCHER_ANY = 3,
    ZK_WATCHER_PERSISTENT = 4,
    ZK_WATCHER_PERSISTENT_RECURSIVE = 5,
};

/* `mode` of addWatch. */
enum zk_add_watch_mode {
    ZK_ADD_WATCH_PERSISTENT = 0,
    ZK_ADD_WATCH_PERSISTENT_RECURSIVE = 1,
};

/* Whether a client's request of that kind is ordered: it gets a txn, if only one that says why not.
 */
bool zk_op_is_write(int32_t op);

/* Names for logs and tools; "unknown" for numbers that have none. */
const char *zk_op_name(int32_t op);
const char *zk_err_name(int err);

#endif
