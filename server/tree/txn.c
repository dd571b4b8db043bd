/* Splitting a log payload (storage-format 2.2, 2.5). */
#include "jute/opcodes.h"
#include "server/tree/tree.h"

enum { DIGEST_VERSION = 2, DIGEST_BYTES = 12 };

/* A log of before 3.5 has no parent_cversion. */
static bool skip_create(struct jute_in *in)
{
    struct jute_in again = *in;
    struct create_txn create;
    struct create_txn_v0 create_v0;

    jute_read_create_txn(in, &create);
    if (in->bad) {
        *in = again;
        jute_read_create_txn_v0(in, &create_v0);
    }
    return !in->bad;
}

/* The paths are missing where zookeeper.closeSessionTxn.enabled is false, and a digest
 * may follow all the same. It cannot be taken for paths: two of them in its 8 bytes
 * would both be empty. */
static bool skip_close_session(struct jute_in *in)
{
    struct close_session_txn close;
    size_t left = jute_left(in);

    if (left == 0 || (left == DIGEST_BYTES && jute_load32(in->at) == DIGEST_VERSION))
        return true;
    jute_read_close_session_txn(in, &close);
    return !in->bad;
}

static bool skip_other(struct jute_in *in, int32_t type)
{
    union {
        struct create_container_txn create_container;
        struct create_ttl_txn create_ttl;
        struct delete_txn delete;
        struct set_data_txn set_data;
        struct set_acl_txn set_acl;
        struct error_txn error;
        struct create_session_txn create_session;
        struct multi_txn multi;
    } r;

    switch (type) {
    case ZK_OP_CREATE_CONTAINER:
        jute_read_create_container_txn(in, &r.create_container);
        break;
    case ZK_OP_CREATE_TTL:
        jute_read_create_ttl_txn(in, &r.create_ttl);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        jute_read_delete_txn(in, &r.delete);
        break;
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        jute_read_set_data_txn(in, &r.set_data);
        break;
    case ZK_OP_SET_ACL:
        jute_read_set_acl_txn(in, &r.set_acl);
        break;
    case ZK_OP_ERROR:
        jute_read_error_txn(in, &r.error);
        break;
    case ZK_OP_CREATE_SESSION:
        jute_read_create_session_txn(in, &r.create_session);
        break;
    case ZK_OP_MULTI:
        jute_read_multi_txn(in, &r.multi);
        break;
    default:
        return false;
    }
    return !in->bad;
}

static bool skip_record(struct jute_in *in, int32_t type)
{
    if (type == ZK_OP_CREATE || type == ZK_OP_CREATE2)
        return skip_create(in);
    if (type == ZK_OP_CLOSE_SESSION)
        return skip_close_session(in);
    return skip_other(in, type);
}

bool txn_parse(struct txn *ret, const uint8_t *payload, size_t len)
{
    struct jute_in in = jute_in(payload, len);
    struct txn txn = { 0 };

    jute_read_txn_header(&in, &txn.head);
    txn.body = in;
    if (in.bad || !skip_record(&in, txn.head.type))
        return false;
    txn.body.end = in.at;
    if (jute_left(&in) >= DIGEST_BYTES) {
        struct txn_digest digest;

        jute_read_txn_digest(&in, &digest);
        txn.has_digest = digest.version == DIGEST_VERSION;
        txn.digest = (uint64_t)digest.tree_digest;
    }
    *ret = txn;
    return true;
}
