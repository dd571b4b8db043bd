/* multiRead (client-protocol 3.17): getData and getChildren only, each by itself. */
#include "server/request/read.h"

static void put_multi_header(struct bytes *out, int32_t type, bool done, int32_t err)
{
    struct multi_header head = { .type = type, .done = done, .err = err };

    jute_write_multi_header(out, &head);
}

static void put_member(const struct call *call, int32_t type, struct jute_bytes path)
{
    struct service *s = call->client->service;
    const struct tree *t = s->state.tree;
    struct bytes *out = &call->client->out;
    const struct znode *n = tree_find(t, path);
    enum zk_err err = ZK_OK;

    if (n == NULL)
        err = ZK_NO_NODE;
    else if (!auth_allows(&s->conf.auth, call->ids, tree_acl(t, znode_acl(n)), ZK_PERM_READ))
        err = ZK_NO_AUTH;
    if (err != ZK_OK) {
        put_multi_header(out, ZK_OP_ERROR, false, err);
        jute_write_i32(out, err);
        return;
    }
    put_multi_header(out, type, false, 0);
    if (type == ZK_OP_GET_CHILDREN) {
        children_put(s, n, out);
        return;
    }
    struct zk_stat stat;
    znode_stat(t, n, &stat);
    jute_write_buf(out, znode_data(t, n));
    jute_write_zk_stat(out, &stat);
}

/* What kinds of members there are. */
struct members {
    bool reads, writes, bad;
};

static bool skip_write(struct jute_in *in, int32_t type)
{
    struct create_request create;
    struct create_ttl_request create_ttl;
    struct delete_request remove;
    struct set_data_request set;
    struct check_version_request check;

    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
        jute_read_create_request(in, &create);
        return !in->bad;
    case ZK_OP_CREATE_TTL:
        jute_read_create_ttl_request(in, &create_ttl);
        return !in->bad;
    case ZK_OP_DELETE:
        jute_read_delete_request(in, &remove);
        return !in->bad;
    case ZK_OP_SET_DATA:
        jute_read_set_data_request(in, &set);
        return !in->bad;
    case ZK_OP_CHECK:
        jute_read_check_version_request(in, &check);
        return !in->bad;
    default:
        return false;
    }
}

static struct members look_at(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct members m = { 0 };

    for (;;) {
        struct multi_header head;
        struct get_data_request r;

        jute_read_multi_header(&in, &head);
        if (!in.bad && head.done)
            return m;
        if (!in.bad && (head.type == ZK_OP_GET_DATA || head.type == ZK_OP_GET_CHILDREN)) {
            jute_read_get_data_request(&in, &r);
            m.reads = true;
            m.bad = in.bad || r.path.len < 0;
        } else {
            m.writes = true;
            m.bad = in.bad || !skip_write(&in, head.type);
        }
        if (m.bad)
            return m;
    }
}

void read_multi(const struct call *call)
{
    struct bytes *out = &call->client->out;
    struct members m = look_at(call);
    bool refused = m.bad || m.writes;
    size_t begin = reply_begin(call, refused ? ZK_MARSHALLING_ERROR : ZK_OK);
    struct jute_in in = jute_in(call->body, call->len);

    while (!refused) {
        struct multi_header head;
        struct get_data_request r;

        jute_read_multi_header(&in, &head);
        if (head.done)
            break;
        jute_read_get_data_request(&in, &r);
        put_member(call, head.type, r.path);
    }
    put_multi_header(out, ZK_OP_ERROR, true, -1);
    reply_end(call, begin);
}
