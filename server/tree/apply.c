/* Txns: what each does to the tree, whom it concerns, and what its reply tells. The
 * rules hold for a txn that meets the state it was made for, and for one that meets a
 * later state, since a snapshot has caught some of what follows it (storage-format
 * 4.3). */
#include "jute/opcodes.h"
#include "server/tree/path.h"
#include "server/tree/state.h"
#include "server/tree/watch.h"

#define TTL_OWNER ((int64_t)0xff00000000000000u)

struct apply {
    struct tree *t;
    struct watch_table *watches; /* NULL when nobody watches anything. */
    const struct tree_sink *sink;
    zk_session_id session;
    zk_zxid zxid;
    int64_t time_ms;
};

/* ---- Whom it concerns. */

static void tell(const struct apply *a, int32_t type, struct jute_bytes path, int32_t acl,
                 struct watch_hits hits)
{
    struct tree_event ev = { .type = type, .zxid = a->zxid, .path = path, .acl = acl };

    if (hits.count > 0 && a->sink != NULL && a->sink->event != NULL)
        a->sink->event(a->sink->ctx, &ev, hits.watchers, hits.count);
}

static void tell_parent(const struct apply *a, struct jute_bytes path, const struct znode *parent)
{
    struct jute_bytes above = path_parent(path);

    if (above.len == 0)
        above = jute_text("/");
    tell(a, ZK_EVENT_NODE_CHILDREN_CHANGED, above, parent->acl,
         watch_fire_child(a->watches, above, false));
}

/* ---- Changes of one node. */

/* A create raises the parent's cversion and, with it, its pzxid; neither ever falls
 * (ZOOKEEPER-1269, client-protocol 3.4). */
static void raise_parent(struct tree *t, struct znode *parent, int32_t cversion, zk_zxid zxid)
{
    struct znode_ext *ext = node_need_ext(t, parent);

    if (cversion == -1)
        cversion = (int32_t)((uint32_t)ext->cversion + 1);
    if (cversion <= ext->cversion)
        return;
    t->digest -= node_digest(t, parent);
    ext->cversion = cversion;
    ext->pzxid = zxid;
    t->digest += node_digest(t, parent);
}

static void fill_new(const struct apply *a, uint32_t handle, const struct create_txn *r,
                     int64_t owner)
{
    struct tree *t = a->t;
    struct znode *n = node_of(t, handle);

    n->czxid = a->zxid;
    n->ctime = a->time_ms;
    if (owner != 0) {
        node_need_ext(t, n)->owner = owner;
        owner_enter(t, handle);
    }
    node_put_acl(t, n, acls_intern(t, r->acl));
    node_put_data(t, n, r->data);
    node_put_content_crc(t, n, r->path);
    t->digest += node_digest(t, n);
}

static int64_t len_of(struct jute_bytes data)
{
    return data.len > 0 ? data.len : 0;
}

/* The stat that a reply shows: of the node as the op left it, before the usage of a
 * quota is written into it. */
static void take_stat(const struct apply *a, const struct znode *n, struct tree_result *result)
{
    if (a->sink != NULL && a->sink->result != NULL)
        znode_stat(a->t, n, &result->stat);
}

/* r->ephemeral is not looked at: `owner` says what it is. */
static int32_t create(const struct apply *a, const struct create_txn *r, int64_t owner,
                      struct tree_result *result)
{
    struct tree *t = a->t;
    struct jute_bytes name;
    struct znode *parent = tree_find_parent(t, r->path, &name);
    uint64_t hash;

    if (parent == NULL)
        return ZK_NO_NODE;
    if (name.len == 0 || name.len > NODE_NAME_LEN_MAX)
        return ZK_BAD_ARGUMENTS;

    uint32_t above = node_handle(t, parent);
    uint32_t handle = node_find(t, above, name.at, (size_t)name.len, &hash);

    raise_parent(t, parent, r->parent_cversion, a->zxid);
    if (handle != 0) {
        node_put_acl(t, node_of(t, handle), acls_intern(t, r->acl));
        return ZK_NODE_EXISTS;
    }
    handle = node_create(t, above, name, hash);
    fill_new(a, handle, r, owner);
    t->data_bytes += text_units(r->path.at, (size_t)r->path.len) + (uint64_t)len_of(r->data);

    struct znode *n = node_of(t, handle);

    take_stat(a, n, result);
    if (node_has(n, NODE_QUOTA_TREE))
        quota_node_created(t, n, r->path);
    quota_changed(t, r->path, 1, len_of(r->data));
    namespaces_wrote(t, r->path, len_of(r->data));
    if (a->watches != NULL) {
        tell(a, ZK_EVENT_NODE_CREATED, r->path, n->acl, watch_fire_data(a->watches, r->path));
        tell_parent(a, r->path, parent);
    }
    return 0;
}

/* Removes what is below the node and then itself, from the leaves upwards. */
static void remove_subtree(struct tree *t, uint32_t top, size_t units)
{
    for (uint32_t at = top;;) {
        struct znode *n = node_of(t, at);
        uint32_t child = node_first_child(t, n);

        if (child != 0) {
            n = node_of(t, child);
            units += 1 + text_units(node_name_at(&t->arena, n), node_name_len(n));
            at = child;
            continue;
        }

        uint32_t parent = n->parent;
        size_t name = 1 + text_units(node_name_at(&t->arena, n), node_name_len(n));

        node_remove(t, at, units);
        if (at == top)
            return;
        at = parent;
        units -= name;
    }
}

static void remove_node(struct tree *t, uint32_t handle, struct jute_bytes path)
{
    struct znode *n = node_of(t, handle);
    bool has_children = node_first_child(t, n) != 0;
    int64_t bytes = n->data_len > 0 ? n->data_len : 0;

    remove_subtree(t, handle, text_units(path.at, (size_t)path.len));
    if (has_children && t->quotas > 0)
        quota_recount_all(t);
    else
        quota_changed(t, path, -1, -bytes);
}

static int32_t delete_path(const struct apply *a, struct jute_bytes path)
{
    struct tree *t = a->t;
    struct jute_bytes name;
    struct znode *parent = tree_find_parent(t, path, &name);
    uint64_t hash;

    if (parent == NULL)
        return ZK_NO_NODE;
    if (name.len == 0 || path_is_reserved(path))
        return ZK_BAD_ARGUMENTS;
    if (znode_pzxid(t, parent) < a->zxid) {
        t->digest -= node_digest(t, parent);
        node_need_ext(t, parent)->pzxid = a->zxid;
        t->digest += node_digest(t, parent);
    }

    uint32_t handle = node_find(t, node_handle(t, parent), name.at, (size_t)name.len, &hash);

    if (handle == 0)
        return ZK_NO_NODE;

    int32_t acl = node_of(t, handle)->acl;

    acls_retain(t, acl);
    remove_node(t, handle, path);
    namespaces_wrote(t, path, 0);
    if (a->watches != NULL) {
        tell(a, ZK_EVENT_NODE_DELETED, path, acl, watch_fire_data(a->watches, path));
        tell(a, ZK_EVENT_NODE_DELETED, path, acl, watch_fire_child(a->watches, path, true));
        tell_parent(a, path, parent);
    }
    acls_release(t, acl);
    return 0;
}

static void put_data(struct tree *t, struct znode *n, struct jute_bytes path,
                     struct jute_bytes data, const struct znode_modified *m)
{
    int64_t old = n->data_len > 0 ? n->data_len : 0;

    t->digest -= node_digest(t, n);
    node_put_modified(t, n, data, m);
    node_put_content_crc(t, n, path);
    t->digest += node_digest(t, n);
    t->data_bytes += (uint64_t)(len_of(data) - old);
    quota_changed(t, path, 0, len_of(data) - old);
}

static int32_t set_data(const struct apply *a, const struct set_data_txn *r,
                        struct tree_result *result)
{
    struct znode *n = tree_find(a->t, r->path);
    struct znode_modified m = { a->zxid, a->time_ms, r->version };

    if (n == NULL)
        return ZK_NO_NODE;
    put_data(a->t, n, r->path, r->data, &m);
    namespaces_wrote(a->t, r->path, len_of(r->data));
    take_stat(a, n, result);
    if (a->watches != NULL)
        tell(a, ZK_EVENT_NODE_DATA_CHANGED, r->path, n->acl, watch_fire_data(a->watches, r->path));
    return 0;
}

static int32_t set_acl(const struct apply *a, const struct set_acl_txn *r,
                       struct tree_result *result)
{
    struct tree *t = a->t;
    struct znode *n = tree_find(t, r->path);

    if (n == NULL)
        return ZK_NO_NODE;
    t->digest -= node_digest(t, n);
    node_put_acl(t, n, acls_intern(t, r->acl));
    node_need_ext(t, n)->aversion = r->version;
    t->digest += node_digest(t, n);
    take_stat(a, n, result);
    return 0;
}

/* ---- Records. */

static int32_t apply_create(const struct apply *a, struct jute_in *in, struct tree_result *result)
{
    struct jute_in again = *in;
    struct create_txn r;

    jute_read_create_txn(in, &r);
    if (in->bad) { /* Before 3.5: storage-format 2.5. */
        struct create_txn_v0 old;

        *in = again;
        jute_read_create_txn_v0(in, &old);
        r = (struct create_txn){ .path = old.path,
                                 .data = old.data,
                                 .acl = old.acl,
                                 .ephemeral = old.ephemeral,
                                 .parent_cversion = -1 };
    }
    result->path = r.path;
    return in->bad ? ZK_MARSHALLING_ERROR : create(a, &r, r.ephemeral ? a->session : 0, result);
}

static int32_t apply_create_container(const struct apply *a, struct jute_in *in,
                                      struct tree_result *result)
{
    struct create_container_txn r;

    jute_read_create_container_txn(in, &r);
    if (in->bad)
        return ZK_MARSHALLING_ERROR;
    result->path = r.path;

    struct create_txn plain = {
        .path = r.path, .data = r.data, .acl = r.acl, .parent_cversion = r.parent_cversion
    };

    return create(a, &plain, ZNODE_CONTAINER_OWNER, result);
}

static int32_t apply_create_ttl(const struct apply *a, struct jute_in *in,
                                struct tree_result *result)
{
    struct create_ttl_txn r;

    jute_read_create_ttl_txn(in, &r);
    if (in->bad)
        return ZK_MARSHALLING_ERROR;
    result->path = r.path;
    if (r.ttl_ms <= 0 || r.ttl_ms > ZNODE_TTL_MAX_MS)
        return ZK_BAD_ARGUMENTS;

    struct create_txn plain = {
        .path = r.path, .data = r.data, .acl = r.acl, .parent_cversion = r.parent_cversion
    };

    return create(a, &plain, TTL_OWNER | r.ttl_ms, result);
}

static int32_t apply_delete(const struct apply *a, struct jute_in *in, struct tree_result *result)
{
    struct delete_txn r;

    jute_read_delete_txn(in, &r);
    if (in->bad)
        return ZK_MARSHALLING_ERROR;
    result->path = r.path;
    return delete_path(a, r.path);
}

static int32_t apply_set_data(const struct apply *a, struct jute_in *in, struct tree_result *result)
{
    struct set_data_txn r;

    jute_read_set_data_txn(in, &r);
    if (in->bad)
        return ZK_MARSHALLING_ERROR;
    result->path = r.path;
    return set_data(a, &r, result);
}

static int32_t apply_set_acl(const struct apply *a, struct jute_in *in, struct tree_result *result)
{
    struct set_acl_txn r;

    jute_read_set_acl_txn(in, &r);
    if (in->bad)
        return ZK_MARSHALLING_ERROR;
    result->path = r.path;
    return set_acl(a, &r, result);
}

static int32_t apply_error(struct jute_in *in)
{
    struct error_txn r;

    jute_read_error_txn(in, &r);
    return in->bad ? ZK_MARSHALLING_ERROR : r.err;
}

static int32_t apply_check(struct jute_in *in, struct tree_result *result)
{
    struct check_version_txn r;

    jute_read_check_version_txn(in, &r);
    result->path = r.path;
    return in->bad ? ZK_MARSHALLING_ERROR : 0;
}

static void report(const struct apply *a, const struct tree_result *result)
{
    if (a->sink != NULL && a->sink->result != NULL)
        a->sink->result(a->sink->ctx, result);
}

/* One op, alone or as the member of a multi. */
static void apply_op(const struct apply *a, int32_t type, struct jute_in *in)
{
    struct tree_result result = { .type = type, .path = { .len = -1 } };

    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        result.err = apply_create(a, in, &result);
        break;
    case ZK_OP_CREATE_CONTAINER:
        result.err = apply_create_container(a, in, &result);
        break;
    case ZK_OP_CREATE_TTL:
        result.err = apply_create_ttl(a, in, &result);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        result.err = apply_delete(a, in, &result);
        break;
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        result.err = apply_set_data(a, in, &result);
        break;
    case ZK_OP_SET_ACL:
        result.err = apply_set_acl(a, in, &result);
        break;
    case ZK_OP_CHECK:
        result.err = apply_check(in, &result);
        break;
    case ZK_OP_ERROR:
        result.err = apply_error(in);
        break;
    default: /* Sessions are no part of the tree. */
        break;
    }
    report(a, &result);
}

/* ---- Multi. */

static bool is_member(int32_t type)
{
    return type == ZK_OP_CREATE || type == ZK_OP_CREATE2 || type == ZK_OP_CREATE_CONTAINER ||
           type == ZK_OP_CREATE_TTL || type == ZK_OP_DELETE || type == ZK_OP_DELETE_CONTAINER ||
           type == ZK_OP_SET_DATA || type == ZK_OP_CHECK || type == ZK_OP_ERROR;
}

static bool has_error(struct jute_vector txns)
{
    struct jute_in walk = jute_walk(txns);
    struct jute_txn member;

    while (jute_next_txn(&walk, &member))
        if (member.type == ZK_OP_ERROR)
            return true;
    return false;
}

/* One error voids all: the ops before it count as done without effect, those behind
 * it as never tried. */
static void report_failed(const struct apply *a, struct jute_vector txns)
{
    struct jute_in walk = jute_walk(txns);
    struct jute_txn member;
    int32_t otherwise = 0;

    while (jute_next_txn(&walk, &member)) {
        struct tree_result result = { .type = ZK_OP_ERROR,
                                      .err = otherwise,
                                      .path = { .len = -1 } };

        if (member.type == ZK_OP_ERROR) {
            struct jute_in in = jute_in(member.record.at, (size_t)len_of(member.record));

            result.err = apply_error(&in);
            otherwise = ZK_RUNTIME_INCONSISTENCY;
        }
        report(a, &result);
    }
}

static void apply_multi(const struct apply *a, struct jute_in *in)
{
    struct multi_txn r;
    struct jute_txn member;

    jute_read_multi_txn(in, &r);
    if (in->bad)
        return;
    if (has_error(r.txns)) {
        report_failed(a, r.txns);
        return;
    }

    /* What is no member ends it: ZK keeps what came before and forgets the rest. */
    struct jute_in walk = jute_walk(r.txns);

    while (jute_next_txn(&walk, &member) && is_member(member.type)) {
        static const uint8_t none[1];
        const uint8_t *at = member.record.len > 0 ? member.record.at : none;
        struct jute_in record = jute_in(at, (size_t)len_of(member.record));

        apply_op(a, member.type, &record);
    }
}

/* ---- Sessions. */

static uint64_t delete_ephemerals(const struct apply *a, zk_session_id session)
{
    const struct znode *n;
    uint64_t count = 0;

    while ((n = tree_first_ephemeral(a->t, session)) != NULL) {
        a->t->path.len = 0;
        znode_path(a->t, n, &a->t->path);

        int32_t err = delete_path(a, bytes_view(&a->t->path));

        zk_assert(err == 0);
        count++;
    }
    return count;
}

static void apply_close_session(const struct apply *a, struct jute_in *in)
{
    struct close_session_txn r = { 0 };
    struct tree_result result = { .type = ZK_OP_CLOSE_SESSION, .path = { .len = -1 } };
    struct jute_bytes path;

    if (jute_left(in) > 0) /* The paths may be missing: storage-format 2.9. */
        jute_read_close_session_txn(in, &r);

    struct jute_in walk = jute_walk(r.paths_to_delete);

    while (jute_next_str(&walk, &path))
        (void)delete_path(a, path);
    (void)delete_ephemerals(a, a->session);
    report(a, &result);
}

uint64_t tree_kill_session(struct tree *t, zk_session_id session)
{
    struct apply a = { .t = t, .zxid = t->zxid };

    return delete_ephemerals(&a, session);
}

/* ---- The whole. */

void tree_apply(struct tree *t, const struct txn *txn, struct watch_table *watches,
                const struct tree_sink *sink)
{
    struct apply a = {
        .t = t,
        .watches = watches != NULL && !watch_table_is_empty(watches) ? watches : NULL,
        .sink = sink,
        .session = txn->head.session_id,
        .zxid = txn->head.zxid,
        .time_ms = txn->head.time_ms,
    };
    struct jute_in body = txn->body;

    if (txn->head.type == ZK_OP_MULTI)
        apply_multi(&a, &body);
    else if (txn->head.type == ZK_OP_CLOSE_SESSION)
        apply_close_session(&a, &body);
    else
        apply_op(&a, txn->head.type, &body);
    if (t->zxid < a.zxid)
        t->zxid = a.zxid;
}

void tree_set_config(struct tree *t, struct jute_bytes text, zk_zxid version, int64_t now_ms)
{
    struct jute_bytes path = jute_text("/zookeeper/config");
    struct znode *n = tree_find(t, path);
    struct znode_modified m = { version, now_ms, -1 };

    zk_assert(n != NULL);
    put_data(t, n, path, text, &m);
}
