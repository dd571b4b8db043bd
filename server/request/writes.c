#include "server/request/writes.h"

#include "jute/opcodes.h"
#include "jute/records.h"

static bool is_ephemeral(int32_t flags)
{
    return flags == ZK_CREATE_EPHEMERAL || flags == ZK_CREATE_EPHEMERAL_SEQUENTIAL;
}

static struct write_look look_at_create(struct jute_in *in, int32_t type)
{
    struct create_request r;

    jute_read_create_request(in, &r);
    return (struct write_look){ .is_readable = !in->bad,
                                .makes_ephemeral = !in->bad && type != ZK_OP_CREATE_CONTAINER &&
                                                   is_ephemeral(r.flags) };
}

static void skip_member(struct jute_in *in, int32_t type)
{
    struct delete_request remove;
    struct set_data_request set;
    struct check_version_request check;

    if (type == ZK_OP_DELETE)
        jute_read_delete_request(in, &remove);
    else if (type == ZK_OP_SET_DATA)
        jute_read_set_data_request(in, &set);
    else if (type == ZK_OP_CHECK)
        jute_read_check_version_request(in, &check);
    else
        in->bad = true;
}

/* Notes what a creating member is. False: the leader refuses the multi as a whole, by what it
 * has read so far. */
static bool look_at_member(struct jute_in *in, int32_t type, struct write_look *look)
{
    struct create_request r;
    struct create_ttl_request ttl;

    if (type == ZK_OP_CREATE_TTL) {
        jute_read_create_ttl_request(in, &ttl);
        look->makes_ephemeral |= is_ephemeral(ttl.flags);
        return !in->bad;
    }
    if (type != ZK_OP_CREATE && type != ZK_OP_CREATE2 && type != ZK_OP_CREATE_CONTAINER) {
        skip_member(in, type);
        return !in->bad;
    }
    jute_read_create_request(in, &r);
    if (in->bad || r.flags < ZK_CREATE_PERSISTENT ||
        r.flags > ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL)
        return false;
    look->makes_ephemeral |= type != ZK_OP_CREATE_CONTAINER && is_ephemeral(r.flags);
    if (r.acl.count < 0) /* ZK stumbles over it before it gives a zxid. */
        look->is_readable = false;
    return look->is_readable && r.flags <= ZK_CREATE_CONTAINER;
}

/* One that can't be read has a txn all the same, unless a list of ACLs is missing. */
static struct write_look look_at_multi(struct jute_in *in)
{
    struct write_look look = { .is_readable = true };
    struct multi_header head;

    for (;;) {
        jute_read_multi_header(in, &head);
        if (in->bad || head.done || !look_at_member(in, head.type, &look))
            return look;
    }
}

struct write_look write_look(int32_t op, const uint8_t *body, size_t len)
{
    struct jute_in in = jute_in(body, len);
    union {
        struct create_ttl_request create;
        struct delete_request remove;
        struct set_data_request set;
        struct set_acl_request acl;
        struct reconfig_request reconfig;
    } r;

    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
        return look_at_create(&in, op);
    case ZK_OP_MULTI:
        return look_at_multi(&in);
    case ZK_OP_CREATE_TTL:
        jute_read_create_ttl_request(&in, &r.create);
        break;
    case ZK_OP_DELETE:
        jute_read_delete_request(&in, &r.remove);
        break;
    case ZK_OP_SET_DATA:
        jute_read_set_data_request(&in, &r.set);
        break;
    case ZK_OP_SET_ACL:
        jute_read_set_acl_request(&in, &r.acl);
        break;
    case ZK_OP_RECONFIG:
        jute_read_reconfig_request(&in, &r.reconfig);
        break;
    default: /* createSession and closeSession. */
        break;
    }
    return (struct write_look){ .is_readable = !in.bad };
}
