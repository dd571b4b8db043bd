/* What was measured: latencies by kind, each second of the run, what failed and why. Times are
 * those of CLOCK_MONOTONIC, in nanoseconds. An operation belongs to the measured period when it was
 * due in it; what was due before (the warm-up) only counts for the totals of writes. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "bench/latencies.h"
#include "bench/workloads.h"

enum { FIGURES_ERRS_MAX = 32 }; /* Codes that are told apart; others count for the last one. */

struct second {
    uint64_t operations, failed; /* That were answered in it. */
    uint64_t p50_ns, p99_ns, max_ns;
};

/* The longest time in which nothing of its sort succeeded. */
struct gap {
    int64_t last_ns, longest_ns, at_ns; /* at: its begin. */
};

struct failure {
    int err; /* enum zk_err */
    uint64_t count;
};

struct figures {
    unsigned counted; /* Bits of enum op_kind. */
    int64_t begin_ns; /* 0: the period has not begun. */
    int64_t end_ns;   /* What is due later does not count. */
    int64_t last_ns;  /* The last answer that counts. */
    bool is_over;     /* figures_end() was called: only the totals of writes go on. */
    struct latencies all, send_delay;
    struct latencies *kinds; /* [OP_KINDS] */
    uint64_t failed, unknown_writes;
    struct failure failures[FIGURES_ERRS_MAX];
    size_t failures_count;
    struct gap any, writes;
    struct latencies now; /* Of the second that runs. */
    uint64_t failed_now;
    struct second *seconds; /* Those that are over. */
    size_t seconds_count;
    /* Of all writes, warm-up and drain too: what must be there in the end. */
    uint64_t acknowledged[OP_KINDS], unknown[OP_KINDS];
};

void figures_init(struct figures *f, unsigned counted);
void figures_done(struct figures *f);

void figures_begin(struct figures *f, int64_t now_ns, int64_t end_ns);
void figures_answered(struct figures *f, enum op_kind kind, int64_t due_ns, int64_t now_ns);
void figures_failed(struct figures *f, enum op_kind kind, int err, int64_t due_ns, int64_t now_ns);
/* How much later than it was due a paced operation was sent. */
void figures_sent(struct figures *f, int64_t due_ns, int64_t now_ns);
/* Closes the seconds that are over. */
void figures_tick(struct figures *f, int64_t now_ns);
/* Nothing more is answered: closes the gaps. */
void figures_end(struct figures *f, int64_t now_ns);

/* From the period's begin to its end, or to the last answer if that came later. */
double figures_elapsed_s(const struct figures *f);
double figures_per_s(const struct figures *f);
/* The whole second with the fewest operations; of equals, that with the highest maximum. -1: none
 * is whole. */
int figures_slowest(const struct figures *f);

/* Whether an error leaves open what became of the request. */
bool err_is_unknown(int err);

#endif
