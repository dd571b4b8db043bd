/* What can be measured. */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include <stdbool.h>
#include <stddef.h>

enum op_kind {
    OP_GET,
    OP_EXISTS,
    OP_CHILDREN,
    OP_SET,
    OP_CREATE,
    OP_DELETE,
    OP_NOTIFY,  /* From a change's sending until a watcher is told. */
    OP_ROUND,   /* Until all of them are. */
    OP_CONNECT, /* From dialing until the session is there. */
    OP_CLOSE,
    OP_KINDS,
};

extern const char *const op_names[OP_KINDS];

bool op_is_write(enum op_kind kind);

/* How the load is made. */
enum load {
    LOAD_SLOTS, /* Each session keeps requests under way. */
    LOAD_WATCH, /* All sessions watch one node, which is changed again and again. */
    LOAD_CHURN, /* Sessions are opened and closed. */
    LOAD_HOLD,  /* Sessions are opened and kept. */
};

struct workload {
    const char *name;
    const char *help;
    enum load load;
    unsigned counted;  /* Bits of those kinds that are what is measured; others are the price. */
    enum op_kind kind; /* What a slot does, unless there is more to it. */
    bool has_nodes;    /* A slot makes a node and deletes it, by turns. */
    unsigned keys;     /* By default. */
};

/* NULL: there is none. */
const struct workload *workload_find(const char *name);
extern const struct workload workloads[];
extern const size_t workloads_count;

#endif
