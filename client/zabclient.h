/* zabclient: a ZooKeeper client library, asynchronous on libevent.
 *
 * It speaks ZooKeeper's client protocol (3.9) and so talks to zabd and to ZooKeeper alike: it keeps
 * a session alive over lost connections, tries one server after the other, puts watches and
 * identities back where it arrives, and strips the chroot of its server list.
 *
 * Threading. Everything belongs to one struct event_base and to the thread that runs it: call
 * nothing here from another thread. No call blocks; callbacks come from the loop only, never from
 * inside the call that asked. (Host names are looked up in a thread of their own, which touches
 * nothing of the client.) The library writes no log and installs no signal handler; it sends with
 * MSG_NOSIGNAL.
 *
 * Ownership. What a call is given is copied before it returns, unless said otherwise. What a
 * callback is given is borrowed: it is valid until the callback returns. Byte strings are struct
 * jute_bytes (not NUL-terminated; len -1 is null) and lists are struct jute_vector, to be walked
 * with jute_walk() and jute_next_str(), jute_next_acl() or jute_next_id().
 *
 * Errors. A call returns 0, and then its callback is called exactly once; or it returns one of
 * the following, and then the callback is never called:
 *   -EINVAL    bad arguments: a path that zabc_path_is_wrong(), a list
 *              without elements, an empty server list
 *   -EMSGSIZE  the request is larger than conf.packet_bytes_max
 *   -ENOBUFS   one of the limits below is reached: wait for answers first
 *   -ECANCELED zabc_free() is under way
 * What happens to a request afterwards is told by reply->err, an enum zk_err of jute/opcodes.h:
 *   ZK_CONNECTION_LOSS  the connection was cut before the answer came (whether a write was done is
 *                       not known), or no server could be reached
 *   ZK_SESSION_EXPIRED  the session has expired or was closed; nothing more will work
 *   ZK_AUTH_FAILED      a server refused one of our identities; nothing more will work
 *   ZK_REQUEST_TIMEOUT  conf.request_timeout_ms went by, with or without a connection
 *   any other           what the server said
 *
 * A request made while there is no connection waits until there is one. It fails with
 * ZK_CONNECTION_LOSS when every server of the list was tried in vain: each address of a name that
 * has several, in a random order.
 *
 * Memory that runs out ends the process with a line on stderr. */
#ifndef CLIENT_ZABCLIENT_H
#define CLIENT_ZABCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "util/ids.h"

struct event_base;
struct zabc;

enum {
    ZABC_PORT = 2181,                 /* Where a server of the list names no port. */
    ZABC_TIMEOUT_MS = 30000,          /* The session timeout that is asked for by default. */
    ZABC_SERVERS_MAX = 64,            /* Servers in a list. More: -EINVAL. */
    ZABC_PATH_BYTES_MAX = 512 * 1024, /* Bytes of a path, chroot included. More: -EINVAL. */
    ZABC_REQUESTS_MAX = 65536,        /* Requests without an answer. More: -ENOBUFS. */
    ZABC_QUEUE_BYTES_MAX = 64 << 20,  /* Bytes of requests that are not sent yet. More: -ENOBUFS. */
    ZABC_WATCHERS_MAX = 1 << 20,      /* Watchers that are set or asked for. More: -ENOBUFS. */
    ZABC_IDENTITIES_MAX = 64,         /* Identities of a client. More: -ENOBUFS. */
};

/* ---- A client. */

enum zabc_state {
    ZABC_CONNECTING,          /* No connection, looking for one. */
    ZABC_CONNECTED,           /* The session is alive and connected. */
    ZABC_CONNECTED_READ_ONLY, /* The same, to a server that has lost its ensemble. */
    ZABC_CLOSED,              /* Closed by us, or expired. Final. */
    ZABC_AUTH_FAILED,         /* A server refused an identity. Final. */
};

/* What a watcher is told. Of the session: type ZK_EVENT_NONE, path NULL, and the state
 * SYNC_CONNECTED, CONNECTED_READ_ONLY, DISCONNECTED, EXPIRED, AUTH_FAILED or CLOSED. Of a znode:
 * its path below the chroot, and the zxid of the change (-1 where the server does not say). */
struct zabc_event {
    enum zk_event type;
    enum zk_state state;
    zk_zxid zxid;
    const char *path; /* NUL-terminated. */
};

/* Who is told. Two watchers are the same when both members are: set twice at one path, it is told
 * once. */
struct zabc_watcher {
    void (*tell)(void *arg, const struct zabc_event *event);
    void *arg;
};

struct zabc_conf {
    struct event_base *base; /* Must outlive the client. */
    const char *servers;     /* `host[:port],...[/chroot]`; IPv6 as `[::1]:2181`. */
    int timeout_ms;          /* 0: ZABC_TIMEOUT_MS. The server has the last word. */
    bool keeps_order;        /* The servers are tried in the list's order. Else in a random one. */
    bool takes_read_only;    /* Whether a server without an ensemble will do for a while. */
    bool forgets_watches;    /* A new connection gets no watches back: the watchers stay silent. */
    size_t packet_bytes_max; /* Of requests and replies. 0: ZooKeeper's, 1 MiB - 1. */
    int request_timeout_ms;  /* How long an answer may take, from the call on. 0: for ever. */
    uint64_t seed;           /* Of the order of servers and of pauses. 0: taken from the system. */
    struct zabc_watcher session; /* Told of the session's state; tell may be NULL. */
    zk_session_id session_id;    /* A session to take over, with its password; 0: a new one. */
    struct jute_bytes passwd;
};

/* Begins to connect as soon as the loop runs. Returns 0 and sets *ret, or -EINVAL, or what the
 * system says. End it with zabc_free(). */
int zabc_new(struct zabc **ret, const struct zabc_conf *conf);

/* Drops the connection. The session is not closed: its ephemeral nodes stay until it expires (see
 * zabc_close()). Requests without an answer are first answered with ZK_SESSION_EXPIRED. May be
 * called from a callback. NULL is fine; returns NULL. */
struct zabc *zabc_free(struct zabc *c);

enum zabc_state zabc_state(const struct zabc *c);
/* 0 until there is a session. */
zk_session_id zabc_session_id(const struct zabc *c);
/* Together with the id: what it takes to resume the session. Borrowed. */
struct jute_bytes zabc_passwd(const struct zabc *c);
/* What was negotiated; what is asked for, before. */
int zabc_timeout_ms(const struct zabc *c);
/* The address in use as text, or "" . Borrowed until the loop goes on. */
const char *zabc_server(const struct zabc *c);
/* "" when there is none. */
const char *zabc_chroot(const struct zabc *c);

/* Whether there is something wrong with a path; appends what, in ZooKeeper's words, unless `why` is
 * NULL. A sequential node's path gets a number behind it, so that it may end with a slash. */
bool zabc_path_is_wrong(struct bytes *why, const char *path, bool is_sequential);

/* What ZooKeeper's Java client writes behind `KeeperErrorCode = `. */
const char *zabc_err_text(int err);

/* ---- Answers. */

/* What a request asked for is set, the rest is zero or null (len -1). */
struct zabc_reply {
    int err;                 /* enum zk_err; of a multi, that of its first failed operation. */
    int32_t type;            /* enum zk_op. */
    zk_zxid zxid;            /* Of the server when it answered; 0 without an answer. */
    bool has_stat;           /* Whether `stat` is set. */
    struct zk_stat stat;     /* create2 and its kin, exists, getData, setData, getACL, ... */
    struct jute_bytes path;  /* create: the node's name, without the chroot. */
    struct jute_bytes data;  /* getData, getConfig, reconfig. */
    struct jute_vector strs; /* getChildren: names. getEphemerals: paths with the chroot. */
    struct jute_vector acl;  /* getACL. */
    struct jute_vector ids;  /* whoAmI. */
    int32_t number;          /* getAllChildrenNumber. */
    const struct zabc_reply *results; /* multi, multiRead: one for each operation. */
    size_t results_count;             /* 0 when the whole was refused. */
};

/* Told once; may be {NULL}. */
struct zabc_done {
    void (*tell)(void *arg, const struct zabc_reply *reply);
    void *arg;
};

/* ---- Requests.
 *
 * Paths are NUL-terminated UTF-8 and lie below the chroot. A version of -1 is any. A `watcher` may
 * be NULL: no watch. Watches are set when the answer says so: by getData and getChildren when the
 * node is there, by exists always. */

/* ACL lists: NULL stands for "anyone may do anything". */
struct zabc_acl {
    const struct jute_acl *entries;
    int32_t count; /* 0: -EINVAL. */
};

/* `mode` is an enum zk_create_mode; the modes with a time to live want ttl_ms > 0, the others
 * ignore it. With `wants_stat` the reply has one; the container and TTL modes always have one. */
struct zabc_create {
    const char *path;
    struct jute_bytes data;
    const struct zabc_acl *acl;
    enum zk_create_mode mode;
    int64_t ttl_ms;
    bool wants_stat;
};

int zabc_create(struct zabc *c, const struct zabc_create *what, struct zabc_done done);
/* "/" is the server's own, which refuses, even below a chroot. */
int zabc_delete(struct zabc *c, const char *path, int32_t version, struct zabc_done done);
int zabc_exists(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                struct zabc_done done);
int zabc_get_data(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                  struct zabc_done done);
int zabc_set_data(struct zabc *c, const char *path, struct jute_bytes data, int32_t version,
                  struct zabc_done done);
/* With `wants_stat` by getChildren2. */
int zabc_get_children(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                      bool wants_stat, struct zabc_done done);
int zabc_get_all_children_number(struct zabc *c, const char *path, struct zabc_done done);
/* Of this session, with paths that begin with `prefix`. */
int zabc_get_ephemerals(struct zabc *c, const char *prefix, struct zabc_done done);
int zabc_get_acl(struct zabc *c, const char *path, struct zabc_done done);
/* version is compared with the aversion. */
int zabc_set_acl(struct zabc *c, const char *path, const struct zabc_acl *acl, int32_t version,
                 struct zabc_done done);
int zabc_sync(struct zabc *c, const char *path, struct zabc_done done);
int zabc_who_am_i(struct zabc *c, struct zabc_done done);

/* The ensemble's membership, whatever the chroot. */
int zabc_get_config(struct zabc *c, const struct zabc_watcher *watcher, struct zabc_done done);
/* Incremental with joining and leaving, whole with members; the others are NULL. `version` is that
 * of the configuration that is to be changed. */
int zabc_reconfig(struct zabc *c, const char *joining, const char *leaving, const char *members,
                  int64_t version, struct zabc_done done);

/* An identity, for this connection and all that follow. The answer says what the server said to it;
 * after ZK_AUTH_FAILED the client is at its end. */
int zabc_add_auth(struct zabc *c, const char *scheme, struct jute_bytes auth,
                  struct zabc_done done);

/* Ends the session at the server and then the client: everything else is answered with
 * ZK_SESSION_EXPIRED, `done` is told (always with 0), and the session's watcher of CLOSED. Free it
 * afterwards. Without a connection the server is not asked. */
int zabc_close(struct zabc *c, struct zabc_done done);

/* ---- Watches that stay. */

int zabc_add_watch(struct zabc *c, const char *path, enum zk_add_watch_mode mode,
                   const struct zabc_watcher *watcher, struct zabc_done done);

/* Whether the server has a watch of that kind for us. */
int zabc_check_watches(struct zabc *c, const char *path, enum zk_watcher_type type,
                       struct zabc_done done);

/* Removes watches of a kind: those of `watcher`, or all with NULL. Each removed watcher is told
 * with one of the ..._WATCH_REMOVED events before `done` is. ZK_NO_WATCHER when there was none.
 * With `even_if_cut_off` they go, here, also when the server can't be told. */
int zabc_remove_watches(struct zabc *c, const char *path, enum zk_watcher_type type,
                        const struct zabc_watcher *watcher, bool even_if_cut_off,
                        struct zabc_done done);

/* ---- Several operations in one request.
 *
 * Begin, add, submit. Adding keeps the first error, which submitting returns; submitting frees
 * everything, whatever it returns, and zabc_multi_drop() does without submitting. A client's multi
 * must be submitted or dropped before the client is freed. */

struct zabc_multi {
    struct zabc *client;
    struct bytes ops;
    size_t count;
    int wrong;
};

void zabc_multi_begin(struct zabc_multi *m, struct zabc *c);
void zabc_multi_create(struct zabc_multi *m, const struct zabc_create *what);
void zabc_multi_delete(struct zabc_multi *m, const char *path, int32_t version);
void zabc_multi_set_data(struct zabc_multi *m, const char *path, struct jute_bytes data,
                         int32_t version);
void zabc_multi_check(struct zabc_multi *m, const char *path, int32_t version);
/* Of a multiRead only. No watches are set. */
void zabc_multi_get_data(struct zabc_multi *m, const char *path);
void zabc_multi_get_children(struct zabc_multi *m, const char *path);
/* All or nothing. */
int zabc_multi_submit(struct zabc_multi *m, struct zabc_done done);
/* Each for itself: reply->err is 0 though some of the results may have an error. */
int zabc_multi_submit_reads(struct zabc_multi *m, struct zabc_done done);
void zabc_multi_drop(struct zabc_multi *m);

#endif
