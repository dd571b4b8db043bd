#include "server/order/prep.h"

#include <stdio.h>

#include "jute/utf8.h"
#include "server/order/limits.h"
#include "server/tree/path.h"
#include "util/check.h"

bool prep_path_is_valid(struct jute_bytes path)
{
    /* ZK reads invalid bytes as U+FFFD, which no path may hold. */
    return path.len > 0 && utf8_is_valid(path.at, (size_t)path.len) && path_is_valid(path);
}

bool prep_has_room(const struct prep *p, size_t more)
{
    return p->out->len - p->begin + more + ORDER_ENTRY_OVERHEAD <= p->conf->entry_max;
}

bool prep_may(const struct prep *p, const struct node_view *n, int32_t perm)
{
    return auth_allows(p->conf->auth, p->req->ids, n->acls, perm);
}

void prep_touch_parent(struct prep *p, struct jute_bytes path, const struct node_view *parent,
                       int32_t child_delta, int32_t cversion)
{
    struct node_view now = *parent;

    now.child_count += child_delta;
    if (child_delta < 0) {
        if (p->zxid > now.raw.pzxid)
            now.raw.pzxid = p->zxid;
    } else if (cversion > now.raw.cversion) {
        /* Applying only raises them: past 2^31-1 creations they stay (3.4). */
        now.raw.cversion = cversion;
        now.raw.pzxid = p->zxid;
    }
    changes_put(p->changes, p->zxid, path, parent, &now);
}

void prep_remove(struct prep *p, struct jute_bytes path, const struct node_view *node,
                 const struct node_view *parent)
{
    struct node_view gone = *node;

    gone.exists = false;
    changes_put(p->changes, p->zxid, path, node, &gone);
    prep_touch_parent(p, path_parent(path), parent, -1, 0);
}

static bool delete_path_is_allowed(struct jute_bytes path)
{
    return path_is_plausible(path) && !path_is_reserved(path);
}

enum zk_err prep_delete(struct prep *p, const struct delete_request *r)
{
    struct node_view parent;
    struct node_view node;

    if (r->path.len < 0 || !prep_has_room(p, (size_t)r->path.len))
        return ZK_MARSHALLING_ERROR;
    if (!delete_path_is_allowed(r->path))
        return ZK_BAD_ARGUMENTS;
    if (!changes_view(p->changes, path_parent(r->path), &parent))
        return ZK_NO_NODE;
    if (!prep_may(p, &parent, ZK_PERM_DELETE))
        return ZK_NO_AUTH;
    if (!changes_view(p->changes, r->path, &node))
        return ZK_NO_NODE;
    if (r->version != -1 && r->version != node.raw.version)
        return ZK_BAD_VERSION;
    if (node.child_count > 0)
        return ZK_NOT_EMPTY;

    struct delete_txn txn = { .path = r->path };
    jute_write_delete_txn(p->out, &txn);
    prep_remove(p, r->path, &node, &parent);
    return ZK_OK;
}

enum zk_err prep_delete_container(struct prep *p, struct jute_bytes path)
{
    struct node_view parent;
    struct node_view node;

    if (path.len < 0 || !prep_has_room(p, (size_t)path.len))
        return ZK_MARSHALLING_ERROR;
    if (!delete_path_is_allowed(path))
        return ZK_BAD_ARGUMENTS;
    if (!changes_view(p->changes, path, &node))
        return ZK_NO_NODE;
    if (node.child_count > 0)
        return ZK_NOT_EMPTY;
    if (znode_kind_of(p->tree, node.raw.owner) == ZNODE_EPHEMERAL)
        return ZK_BAD_VERSION;
    if (!changes_view(p->changes, path_parent(path), &parent))
        return ZK_NO_NODE;

    struct delete_txn txn = { .path = path };
    jute_write_delete_txn(p->out, &txn);
    prep_remove(p, path, &node, &parent);
    return ZK_OK;
}

/* Whether a quota forbids `more_nodes` and `more_bytes` at path (3.18). Soft limits never do. */
static bool quota_forbids(const struct prep *p, struct jute_bytes path, int64_t more_nodes,
                          int64_t more_bytes)
{
    struct tree_quota q;
    struct jute_bytes on;

    if (!p->conf->enforce_quota || !tree_quota_of(p->tree, path, &q, &on) || !q.has_usage)
        return false;
    bool has_nodes =
        more_nodes <= 0 || q.count_hard <= -1 || q.count_used + more_nodes <= q.count_hard;
    bool has_bytes =
        more_bytes == 0 || q.bytes_hard <= -1 || q.bytes_used + more_bytes <= q.bytes_hard;

    if (!has_nodes || !has_bytes)
        tree_note_quota_exceeded(p->tree, path);
    return !has_nodes || !has_bytes;
}

enum zk_err prep_set_data(struct prep *p, const struct set_data_request *r)
{
    int32_t len_after = r->data.len > 0 ? r->data.len : 0;
    struct node_view was;

    if (!prep_path_is_valid(r->path))
        return ZK_BAD_ARGUMENTS;
    /* No client sends as much; a learner may, whose REQUEST takes a frame as large as an entry. */
    if (!prep_has_room(p, (size_t)r->path.len + (size_t)len_after))
        return ZK_MARSHALLING_ERROR;
    if (!changes_view(p->changes, r->path, &was))
        return ZK_NO_NODE;
    if (!prep_may(p, &was, ZK_PERM_WRITE))
        return ZK_NO_AUTH;

    int32_t len_before = was.data_len > 0 ? was.data_len : 0;
    if (quota_forbids(p, r->path, 0, len_after - len_before))
        return ZK_QUOTA_EXCEEDED;
    if (r->version != -1 && r->version != was.raw.version)
        return ZK_BAD_VERSION;

    struct node_view now = was;
    now.raw.version = (int32_t)((uint32_t)was.raw.version + 1);
    now.raw.mzxid = p->zxid;
    now.raw.mtime = p->wall_ms;
    now.data_len = r->data.len;
    if (p->conf->digest)
        now.content_crc = digest_content_crc(r->path, r->data);
    struct set_data_txn txn = { .path = r->path, .data = r->data, .version = now.raw.version };
    jute_write_set_data_txn(p->out, &txn);
    changes_put(p->changes, p->zxid, r->path, &was, &now);
    return ZK_OK;
}

/* The list as it will be stored, in p->acl_scratch. */
static enum zk_err fix_acls(struct prep *p, struct jute_vector asked, struct jute_vector *ret)
{
    p->acl_scratch->len = 0;
    enum zk_err err = auth_fix_acls(p->conf->auth, p->req->ids, asked, p->acl_scratch);
    if (err != ZK_OK)
        return err;
    /* auth: entries grow with the identities of the connection. (A multi is measured after
     * each member.) */
    if (!prep_has_room(p, p->acl_scratch->len + (p->req->op == ZK_OP_MULTI ? 0 : p->req->len)))
        return ZK_MARSHALLING_ERROR;
    struct jute_in in = jute_in(p->acl_scratch->at, p->acl_scratch->len);
    jute_read_acls(&in, ret);
    zk_assert(!in.bad);
    return ZK_OK;
}

enum zk_err prep_set_acl(struct prep *p, const struct set_acl_request *r)
{
    struct node_view was;
    struct jute_vector acls;

    if (!prep_path_is_valid(r->path))
        return ZK_BAD_ARGUMENTS;
    enum zk_err err = fix_acls(p, r->acl, &acls);
    if (err != ZK_OK)
        return err;
    if (!changes_view(p->changes, r->path, &was))
        return ZK_NO_NODE;
    if (!prep_may(p, &was, ZK_PERM_ADMIN))
        return ZK_NO_AUTH;
    if (r->version != -1 && r->version != was.raw.aversion)
        return ZK_BAD_VERSION;

    struct node_view now = was;
    now.raw.aversion = (int32_t)((uint32_t)was.raw.aversion + 1);
    now.acls = acls;
    now.acl_id = OWN_ACL;
    struct set_acl_txn txn = { .path = r->path, .acl = acls, .version = now.raw.aversion };
    jute_write_set_acl_txn(p->out, &txn);
    changes_put(p->changes, p->zxid, r->path, &was, &now);
    return ZK_OK;
}

enum zk_err prep_check(struct prep *p, const struct check_version_request *r)
{
    struct node_view node;

    if (!prep_path_is_valid(r->path))
        return ZK_BAD_ARGUMENTS;
    if (!changes_view(p->changes, r->path, &node))
        return ZK_NO_NODE;
    if (!prep_may(p, &node, ZK_PERM_READ))
        return ZK_NO_AUTH;
    if (r->version != -1 && r->version != node.raw.version)
        return ZK_BAD_VERSION;

    /* ZK's habit: it records the version after (storage-format 2.9). */
    struct check_version_txn txn = { .path = r->path,
                                     .version = (int32_t)((uint32_t)node.raw.version + 1) };
    jute_write_check_version_txn(p->out, &txn);
    return ZK_OK;
}

enum zk_err prep_reconfig(struct prep *p, const struct reconfig_request *r)
{
    struct jute_bytes path = jute_text("/zookeeper/config");
    struct bytes text = { 0 };
    struct node_view was;

    if (!p->conf->reconfig_enabled)
        return ZK_RECONFIG_DISABLED;
    /* A server of one without a membership has nothing to reconfigure (3.20). */
    if (p->conf->reconfig == NULL)
        return ZK_UNIMPLEMENTED;
    if (!changes_view(p->changes, path, &was))
        return ZK_NO_NODE;
    enum zk_err err = p->conf->reconfig(p->conf->reconfig_ctx, r, p->zxid,
                                        prep_may(p, &was, ZK_PERM_WRITE), &text);
    if (err == ZK_OK) {
        struct node_view now = was;
        struct set_data_txn txn = { .path = path,
                                    .data = { .at = text.at, .len = (int32_t)text.len },
                                    .version = -1 }; /* Always (quorum-protocol 5.1). */
        now.raw.version = -1;
        now.raw.mzxid = p->zxid;
        now.raw.mtime = p->wall_ms;
        now.data_len = txn.data.len;
        jute_write_set_data_txn(p->out, &txn);
        changes_put(p->changes, p->zxid, path, &was, &now);
    }
    bytes_done(&text);
    return err;
}

/* ---- create */

static bool mode_is_ttl(int32_t flags)
{
    return flags == ZK_CREATE_PERSISTENT_WITH_TTL ||
           flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

static bool mode_is_sequential(int32_t flags)
{
    return flags == ZK_CREATE_PERSISTENT_SEQUENTIAL || flags == ZK_CREATE_EPHEMERAL_SEQUENTIAL ||
           flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

static bool mode_is_ephemeral(int32_t flags)
{
    return flags == ZK_CREATE_EPHEMERAL || flags == ZK_CREATE_EPHEMERAL_SEQUENTIAL;
}

static enum zk_err check_mode(const struct prep *p, const struct create_args *a)
{
    if (a->flags < ZK_CREATE_PERSISTENT || a->flags > ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL)
        return ZK_BAD_ARGUMENTS;
    if (mode_is_ttl(a->flags)) {
        if (!p->conf->extended_types)
            return ZK_UNIMPLEMENTED;
        return a->ttl_ms <= 0 || a->ttl_ms > ZNODE_TTL_MAX_MS ? ZK_BAD_ARGUMENTS : ZK_OK;
    }
    /* ZK lets createTTL pass with another mode, and breaks when it applies it. */
    if (a->ttl_ms >= 0 || a->kind == ZK_OP_CREATE_TTL)
        return ZK_BAD_ARGUMENTS;
    return mode_is_ephemeral(a->flags) ? p->req->ephemerals : ZK_OK;
}

static int64_t owner_of(const struct prep *p, const struct create_args *a)
{
    if (a->kind == ZK_OP_CREATE_CONTAINER)
        return ZNODE_CONTAINER_OWNER;
    if (a->kind == ZK_OP_CREATE_TTL)
        return (int64_t)((p->conf->emulate_353 ? (uint64_t)1 << 63 : (uint64_t)0xff << 56) |
                         (uint64_t)a->ttl_ms);
    return mode_is_ephemeral(a->flags) ? p->req->session : 0;
}

static struct jute_bytes add_suffix(struct prep *p, struct jute_bytes path, int32_t number)
{
    char suffix[16];
    int len = snprintf(suffix, sizeof suffix, "%010d", number);

    p->path_scratch->len = 0;
    bytes_put(p->path_scratch, path.at, (size_t)path.len);
    bytes_put(p->path_scratch, suffix, (size_t)len);
    return (struct jute_bytes){ .at = p->path_scratch->at, .len = path.len + len };
}

static void write_create(struct prep *p, const struct create_args *a, struct jute_bytes path,
                         struct jute_vector acls, int32_t parent_cversion)
{
    if (a->kind == ZK_OP_CREATE_CONTAINER) {
        struct create_container_txn txn = {
            .path = path, .data = a->data, .acl = acls, .parent_cversion = parent_cversion
        };
        jute_write_create_container_txn(p->out, &txn);
    } else if (a->kind == ZK_OP_CREATE_TTL) {
        struct create_ttl_txn txn = { .path = path,
                                      .data = a->data,
                                      .acl = acls,
                                      .parent_cversion = parent_cversion,
                                      .ttl_ms = a->ttl_ms };
        jute_write_create_ttl_txn(p->out, &txn);
    } else {
        struct create_txn txn = { .path = path,
                                  .data = a->data,
                                  .acl = acls,
                                  .ephemeral = mode_is_ephemeral(a->flags),
                                  .parent_cversion = parent_cversion };
        jute_write_create_txn(p->out, &txn);
    }
}

static void note_create(struct prep *p, const struct create_args *a, struct jute_bytes path,
                        struct jute_vector acls, const struct node_view *was)
{
    struct node_view now = {
        .exists = true,
        .data_len = a->data.len,
        .raw = { .czxid = p->zxid,
                 .mzxid = p->zxid,
                 .pzxid = p->zxid,
                 .ctime = p->wall_ms,
                 .mtime = p->wall_ms,
                 .owner = owner_of(p, a) },
        .acls = acls,
        .acl_id = OWN_ACL,
    };

    if (p->conf->digest)
        now.content_crc = digest_content_crc(path, a->data);
    changes_put(p->changes, p->zxid, path, was, &now);
}

enum zk_err prep_create(struct prep *p, const struct create_args *a)
{
    struct node_view parent;
    struct node_view node;
    struct jute_vector acls;

    enum zk_err err = check_mode(p, a);
    if (err != ZK_OK)
        return err;
    if (a->path.len < 0)
        return ZK_MARSHALLING_ERROR;
    if (!path_is_plausible(a->path))
        return ZK_BAD_ARGUMENTS;
    err = fix_acls(p, a->acls, &acls);
    if (err != ZK_OK)
        return err;
    if (!changes_view(p->changes, path_parent(a->path), &parent))
        return ZK_NO_NODE;
    if (!prep_may(p, &parent, ZK_PERM_CREATE))
        return ZK_NO_AUTH;

    struct jute_bytes path = a->path;
    if (mode_is_sequential(a->flags))
        path = add_suffix(p, path, parent.raw.cversion);
    if (!prep_path_is_valid(path))
        return ZK_BAD_ARGUMENTS;
    if (changes_view(p->changes, path, &node))
        return ZK_NODE_EXISTS;
    if (znode_kind_of(p->tree, parent.raw.owner) == ZNODE_EPHEMERAL)
        return ZK_NO_CHILDREN_FOR_EPHEMERALS;
    if (quota_forbids(p, path, 1, a->data.len > 0 ? a->data.len : 0))
        return ZK_QUOTA_EXCEEDED;

    int32_t cversion = (int32_t)((uint32_t)parent.raw.cversion + 1);
    write_create(p, a, path, acls, cversion);
    prep_touch_parent(p, path_parent(path), &parent, 1, cversion);
    note_create(p, a, path, acls, &node);
    return ZK_OK;
}
