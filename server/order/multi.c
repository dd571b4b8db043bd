/* multi (3.16): all or nothing, one zxid. The members are read and checked as a whole
 * before the first is prepared; the txn of a failed one is logged with its errors. */
#include <stdlib.h>

#include "server/order/prep.h"
#include "util/check.h"

/* One member as it was sent. */
struct member {
    int32_t kind; /* Of its txn. */
    union {
        struct create_args create;
        struct delete_request remove;
        struct set_data_request set;
        struct check_version_request check;
    };
};

/* What reading a member came to. */
enum reading {
    MEMBER,
    END,
    UNREADABLE, /* Or a create mode that can't be: refused as a whole, by an error txn. */
    NO_ACLS,    /* A create without a list: ZK stumbles before it gives a zxid. */
    ILL_FORMED, /* A null path: as UNREADABLE, once all is read. */
};

static bool mode_exists(int32_t flags)
{
    return flags >= ZK_CREATE_PERSISTENT && flags <= ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

/* With a TTL or without one, by its type; a type and a mode that don't belong together
 * give an ordinary create here, or a member that can't be read. */
static enum reading read_create_ttl(struct jute_in *in, struct member *ret)
{
    struct create_ttl_request r;
    jute_read_create_ttl_request(in, &r);
    bool is_ttl = r.flags == ZK_CREATE_PERSISTENT_WITH_TTL ||
                  r.flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
    ret->kind = is_ttl ? ZK_OP_CREATE_TTL : ZK_OP_CREATE;
    ret->create = (struct create_args){ .path = r.path,
                                        .data = r.data,
                                        .acls = r.acl,
                                        .flags = r.flags,
                                        .ttl_ms = is_ttl ? r.ttl_ms : -1 };
    return in->bad ? UNREADABLE : MEMBER;
}

static enum reading read_create_plain(struct jute_in *in, int32_t type, struct member *ret)
{
    struct create_request r;
    jute_read_create_request(in, &r);
    ret->kind = type;
    ret->create = (struct create_args){
        .path = r.path, .data = r.data, .acls = r.acl, .flags = r.flags, .ttl_ms = -1
    };
    if (in->bad || !mode_exists(r.flags))
        return UNREADABLE;
    if (r.acl.count < 0)
        return NO_ACLS;
    return r.flags > ZK_CREATE_CONTAINER ? UNREADABLE : MEMBER;
}

static enum reading read_create(struct jute_in *in, int32_t type, struct member *ret)
{
    enum reading got =
        type == ZK_OP_CREATE_TTL ? read_create_ttl(in, ret) : read_create_plain(in, type, ret);
    if (got != MEMBER)
        return got;
    if (ret->create.flags == ZK_CREATE_CONTAINER)
        ret->kind = ZK_OP_CREATE_CONTAINER;
    ret->create.kind = ret->kind;
    return ret->create.path.len >= 0 ? MEMBER : ILL_FORMED;
}

static enum reading judge(const struct jute_in *in, struct jute_bytes path)
{
    if (in->bad)
        return UNREADABLE;
    return path.len >= 0 ? MEMBER : ILL_FORMED;
}

static enum reading next_member(struct jute_in *in, struct member *ret)
{
    struct multi_header head;

    jute_read_multi_header(in, &head);
    if (in->bad)
        return UNREADABLE;
    if (head.done)
        return END;
    ret->kind = head.type;
    switch (head.type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        return read_create(in, head.type, ret);
    case ZK_OP_DELETE:
        jute_read_delete_request(in, &ret->remove);
        return judge(in, ret->remove.path);
    case ZK_OP_SET_DATA:
        jute_read_set_data_request(in, &ret->set);
        return judge(in, ret->set.path);
    case ZK_OP_CHECK:
        jute_read_check_version_request(in, &ret->check);
        return judge(in, ret->check.path);
    default:
        return UNREADABLE;
    }
}

static enum zk_err prep_member(struct prep *p, const struct member *m)
{
    switch (m->kind) {
    case ZK_OP_DELETE:
        return prep_delete(p, &m->remove);
    case ZK_OP_SET_DATA:
        return prep_set_data(p, &m->set);
    case ZK_OP_CHECK:
        return prep_check(p, &m->check);
    default:
        return prep_create(p, &m->create);
    }
}

static void write_error(struct bytes *out, enum zk_err err)
{
    struct error_txn txn = { .err = err };

    jute_write_i32(out, ZK_OP_ERROR);
    jute_write_i32(out, (int32_t)jute_size_error_txn(&txn));
    jute_write_error_txn(out, &txn);
}

/* Appends one element { int type, buffer record }. After the first failure every
 * further member is an error -2. */
static void write_element(struct prep *p, const struct member *m, enum zk_err *failed)
{
    size_t head = p->out->len;

    if (*failed != ZK_OK) {
        write_error(p->out, ZK_RUNTIME_INCONSISTENCY);
        return;
    }
    jute_write_i32(p->out, m->kind);
    jute_write_i32(p->out, 0);
    size_t begin = p->out->len;
    *failed = prep_member(p, m);
    if (*failed != ZK_OK) {
        p->out->len = head;
        write_error(p->out, *failed);
        return;
    }
    (void)jute_store32(p->out->at + begin - 4, (uint32_t)(p->out->len - begin));
}

/* Reads all members: MEMBER when every one is well, and *ret of them. */
static enum reading read_all(const struct write_request *req, int32_t *ret)
{
    struct jute_in in = jute_in(req->body, req->len);
    enum reading worst = MEMBER;
    struct member m;

    for (*ret = 0;; (*ret)++) {
        switch (next_member(&in, &m)) {
        case MEMBER:
            break;
        case END:
            return worst;
        case UNREADABLE:
            return UNREADABLE;
        case NO_ACLS:
            return NO_ACLS;
        case ILL_FORMED:
            worst = ILL_FORMED;
            break;
        }
    }
}

bool prep_multi(struct prep *p, enum zk_err *ret)
{
    int32_t count;
    struct member m;
    enum zk_err failed = ZK_OK;

    enum reading all = read_all(p->req, &count);
    *ret = all == MEMBER ? ZK_OK : ZK_MARSHALLING_ERROR;
    if (all != MEMBER)
        return all != NO_ACLS;
    struct jute_in in = jute_in(p->req->body, p->req->len);
    changes_mark(p->changes);
    jute_write_i32(p->out, count);
    for (int32_t i = 0; i < count; i++) {
        enum reading one = next_member(&in, &m);
        zk_assert(one == MEMBER);
        write_element(p, &m, &failed);
        /* A null id in an ACL list, or a txn that no ZK could read back: the request as a
         * whole is refused. */
        if (failed == ZK_MARSHALLING_ERROR || !prep_has_room(p, 0)) {
            changes_undo(p->changes);
            *ret = ZK_MARSHALLING_ERROR;
            return true;
        }
    }
    if (failed == ZK_OK)
        changes_keep(p->changes);
    else
        changes_undo(p->changes);
    return true;
}
