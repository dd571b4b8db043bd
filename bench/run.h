/* One run, from connecting to removing what it made. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/options.h"

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1, /* It could not run, or left something behind. */
    STATUS_USAGE = 2,
    STATUS_NOT_CLEAN = 3,     /* It ran, but operations failed, or sessions expired. */
    STATUS_INTERRUPTED = 128, /* And the signal's number. */
};

/* Prints what was measured; returns the exit status. */
int run(const struct run_options *o);

#endif
