#include "jute/opcodes.h"

#define NAME_OF(name, code, text) \
    case (code):                  \
        return text;

bool zk_op_is_write(int32_t op)
{
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_DELETE:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
    case ZK_OP_MULTI:
    case ZK_OP_RECONFIG:
    case ZK_OP_CREATE_SESSION:
    case ZK_OP_CLOSE_SESSION:
        return true;
    default: /* Also deleteContainer, which is the reaper's alone (client-protocol 3.6). */
        return false;
    }
}

const char *zk_op_name(int32_t op)
{
    switch (op) {
        ZK_OPS(NAME_OF)
    default:
        return "unknown";
    }
}

const char *zk_err_name(int err)
{
    switch (err) {
        ZK_ERRS(NAME_OF)
    default:
        return "unknown";
    }
}
