/* multiRead (client-protocol 3.17): getData and getChildren only, each by itself. */
#include "server/request/limits.h"
#include "server/request/read.h"

enum { REPLY_ERR_AT = 16 }; /* In a frame: behind length, xid and zxid. */

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
        read_put_children(s, path, n, out);
        return;
    }
    struct zk_stat stat;
    znode_stat(t, n, &stat);
    read_put_data(s, path, n, out);
    jute_write_zk_stat(out, &stat);
}

/* What a multiRead turns out to be. */
enum outlook {
    ALL_READS,
    ALL_WRITES, /* Answered with an error and an empty list. */
    UNREADABLE, /* Or reads and writes, or a mode that can't be: the error alone. */
};

static bool mode_is_known(int32_t flags)
{
    /* With a time to live it is another operation, so it is not one of these modes. */
    return flags >= ZK_CREATE_PERSISTENT && flags <= ZK_CREATE_CONTAINER;
}

static enum outlook look_at_write(struct jute_in *in, int32_t type)
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
        if (!in->bad && !mode_is_known(create.flags))
            return UNREADABLE;
        break;
    case ZK_OP_CREATE_TTL:
        jute_read_create_ttl_request(in, &create_ttl);
        break;
    case ZK_OP_DELETE:
        jute_read_delete_request(in, &remove);
        break;
    case ZK_OP_SET_DATA:
        jute_read_set_data_request(in, &set);
        break;
    case ZK_OP_CHECK:
        jute_read_check_version_request(in, &check);
        break;
    default:
        return UNREADABLE;
    }
    return in->bad ? UNREADABLE : ALL_WRITES;
}

static enum outlook look_at_member(struct jute_in *in, int32_t type)
{
    struct get_data_request r;

    if (type != ZK_OP_GET_DATA && type != ZK_OP_GET_CHILDREN)
        return look_at_write(in, type);
    jute_read_get_data_request(in, &r);
    return in->bad ? UNREADABLE : ALL_READS;
}

/* The first thing that is wrong decides, as in ZK, which stops reading there. */
static enum outlook look_at(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    enum outlook all = ALL_READS;

    for (bool is_first = true;; is_first = false) {
        struct multi_header head;

        jute_read_multi_header(&in, &head);
        if (in.bad)
            return UNREADABLE;
        if (head.done)
            return all;
        enum outlook one = look_at_member(&in, head.type);
        if (one == UNREADABLE || (!is_first && one != all))
            return UNREADABLE;
        all = one;
    }
}

void read_multi(const struct call *call)
{
    struct bytes *out = &call->client->out;
    enum outlook outlook = look_at(call);
    enum zk_err err = outlook == ALL_READS ? ZK_OK : ZK_MARSHALLING_ERROR;

    if (read_reply_size(call->client->service, call->op, call->body, call->len) > REPLY_BYTES_MAX) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    size_t begin = reply_begin(call, err);
    struct jute_in in = jute_in(call->body, call->len);

    while (err == ZK_OK) {
        struct multi_header head;
        struct get_data_request r;

        jute_read_multi_header(&in, &head);
        if (head.done)
            break;
        jute_read_get_data_request(&in, &r);
        if (r.path.len >= 0)
            put_member(call, head.type, r.path);
        else /* ZK stumbles over it when it comes there, and sends what it has. */
            err = ZK_MARSHALLING_ERROR;
    }
    (void)jute_store32(out->at + begin + REPLY_ERR_AT, (uint32_t)err);
    if (outlook != UNREADABLE)
        put_multi_header(out, ZK_OP_ERROR, true, -1);
    reply_end(call, begin);
}
