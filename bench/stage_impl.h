/* What the files of the stage know of each other: stage.c has its session and the names of its
 * nodes, stage_jobs.c many requests at a time, stage_nodes.c the nodes. */
#ifndef BENCH_STAGE_IMPL_H
#define BENCH_STAGE_IMPL_H

#include "bench/stage.h"

enum { STAGE_JOBS = 256 }; /* Requests under way. */

struct stage {
    struct bench *bench;
    struct zabc *client;
    bool is_closing;
    bool has_root;
    char text[256]; /* bench.fatal, when it has to say more. */
};

bool stage_connect(struct stage *st);

struct jobs;

/* One of many alike. What a lost connection has left open is asked again. */
struct job {
    struct jobs *all;
    struct job *next;
    uint64_t index;
};

struct jobs {
    struct stage *stage;
    uint64_t count;
    int (*ask)(struct jobs *all, uint64_t index, struct zabc_done done);
    /* Returns 0, or the error that ends all of them. */
    int (*take)(struct jobs *all, uint64_t index, const struct zabc_reply *reply);
    void *arg;
    bool goes_on; /* Although there is a signal: until the second. */

    uint64_t next;
    unsigned under_way;
    int64_t answered_ns; /* The last answer. */
    int err;             /* enum zk_err */
    struct job jobs[STAGE_JOBS], *free, *again;
};

/* Returns enum zk_err: ZK_CONNECTION_LOSS when there was no answer for half a
 * minute,
 * ZK_OPERATION_TIMEOUT after a signal. */
int jobs_run(struct jobs *all);

#endif
