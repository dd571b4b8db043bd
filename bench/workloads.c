#include "bench/workloads.h"

#include <string.h>

#define BIT(kind) (1u << (kind))

enum { KEYS = 1000, KEYS_OF_CHILDREN = 100 };

const char *const op_names[OP_KINDS] = {
    [OP_GET] = "get",       [OP_EXISTS] = "exists", [OP_CHILDREN] = "children",
    [OP_SET] = "set",       [OP_CREATE] = "create", [OP_DELETE] = "delete",
    [OP_NOTIFY] = "notify", [OP_ROUND] = "round",   [OP_CONNECT] = "connect",
    [OP_CLOSE] = "close",
};

bool op_is_write(enum op_kind kind)
{
    return kind == OP_SET || kind == OP_CREATE || kind == OP_DELETE;
}

const struct workload workloads[] = {
    { "get", "getData of a random key", LOAD_SLOTS, BIT(OP_GET), OP_GET, false, KEYS },
    { "exists", "exists of a random key", LOAD_SLOTS, BIT(OP_EXISTS), OP_EXISTS, false, KEYS },
    { "children", "getChildren of a node that has --keys children", LOAD_SLOTS, BIT(OP_CHILDREN),
      OP_CHILDREN, false, KEYS_OF_CHILDREN },
    { "set", "setData of a random key", LOAD_SLOTS, BIT(OP_SET), OP_SET, false, KEYS },
    { "create", "creates nodes", LOAD_SLOTS, BIT(OP_CREATE), OP_CREATE, false, 0 },
    { "delete", "deletes nodes that were created just before, which counts apart", LOAD_SLOTS,
      BIT(OP_DELETE), OP_DELETE, true, 0 },
    { "mixed", "getData and setData of random keys, --reads percent of the former", LOAD_SLOTS,
      BIT(OP_GET) | BIT(OP_SET), OP_GET, false, KEYS },
    { "ephemeral", "creates ephemeral nodes and deletes them", LOAD_SLOTS,
      BIT(OP_CREATE) | BIT(OP_DELETE), OP_CREATE, true, 0 },
    { "watch", "all sessions watch one node, which is set again and again: notifications",
      LOAD_WATCH, BIT(OP_NOTIFY), OP_NOTIFY, false, 1 },
    { "connect", "opens sessions, with --ephemerals nodes each, and closes them", LOAD_CHURN,
      BIT(OP_CONNECT), OP_CONNECT, false, 0 },
    { "hold", "opens sessions and keeps them", LOAD_HOLD, 0, OP_CONNECT, false, 0 },
};

const size_t workloads_count = sizeof workloads / sizeof workloads[0];

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; i < workloads_count; i++) {
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    }
    return NULL;
}
