/* From a request to a txn: each operation's checks in ZK's order (client-protocol 3.3
 * to 3.16), its record, and what it will change. Deterministic.
 *
 * A prep function appends the record to p->out and notes its changes, or returns an
 * error and has noted nothing; what it may have appended is then cut by the caller. */
#ifndef SERVER_ORDER_PREP_H
#define SERVER_ORDER_PREP_H

#include <stdbool.h>
#include <stdint.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/order/changes.h"
#include "server/order/order.h"
#include "util/bytes.h"

struct prep {
    const struct order_conf *conf;
    struct tree *tree;
    struct changes *changes;
    const struct write_request *req;
    zk_zxid zxid;
    int64_t wall_ms;
    struct bytes *out;
    size_t begin; /* Of this txn's header in out. */
    struct bytes *acl_scratch, *path_scratch;
};

/* The create family in one shape. kind: ZK_OP_CREATE, CREATE2, CREATE_CONTAINER or
 * CREATE_TTL: the txn's type. */
struct create_args {
    int32_t kind;
    struct jute_bytes path, data;
    struct jute_vector acls;
    int32_t flags;
    int64_t ttl_ms; /* -1: none given. */
};

enum zk_err prep_create(struct prep *p, const struct create_args *args);
enum zk_err prep_delete(struct prep *p, const struct delete_request *r);
/* The reaper's: no session, no ACL (3.6). */
enum zk_err prep_delete_container(struct prep *p, struct jute_bytes path);
enum zk_err prep_set_data(struct prep *p, const struct set_data_request *r);
enum zk_err prep_set_acl(struct prep *p, const struct set_acl_request *r);
enum zk_err prep_check(struct prep *p, const struct check_version_request *r);
enum zk_err prep_reconfig(struct prep *p, const struct reconfig_request *r);
enum zk_err prep_close_session(struct prep *p);
/* A multi that fails is a txn all the same, logged with its errors. ZK_MARSHALLING_ERROR:
 * it could not be read, or a member is not allowed; then it is an error txn as a whole.
 * False: it does not even get a zxid. */
bool prep_multi(struct prep *p, enum zk_err *ret);

/* Shared by them. */
/* Whether `more` bytes still fit into the entry. */
bool prep_has_room(const struct prep *p, size_t more);
bool prep_path_is_valid(struct jute_bytes path);
bool prep_may(const struct prep *p, const struct node_view *n, int32_t perm);
/* Notes that a child came or went: pzxid, and the count of creations. */
void prep_touch_parent(struct prep *p, struct jute_bytes path, const struct node_view *parent,
                       int32_t child_delta, int32_t cversion);
/* The node goes: itself and its parent. */
void prep_remove(struct prep *p, struct jute_bytes path, const struct node_view *node,
                 const struct node_view *parent);

#endif
