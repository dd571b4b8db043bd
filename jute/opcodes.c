#include "jute/opcodes.h"

#define NAME_OF(name, code, text) \
    case (code):                  \
        return text;

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
