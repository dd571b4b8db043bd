/* The command line of a run. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/workloads.h"
#include "util/bytes.h"

enum {
    BENCH_SESSIONS_MAX = 100000,
    BENCH_OUTSTANDING_MAX = 10000, /* Of a session. */
    BENCH_KEYS_MAX = 10000000,
    BENCH_SIZE_MAX = 1000000,           /* Bytes of a node's data: a request has at most 1 MiB. */
    BENCH_UNSENT_BYTES_MAX = 32 << 20,  /* Outstanding times size: what a client keeps. */
    BENCH_PACKET_BYTES_MAX = 512 << 20, /* Of a list of children. */
    BENCH_EPHEMERALS_MAX = 10000,
    BENCH_TIMEOUT_MS_MAX = 3600 * 1000,
};

struct run_options {
    const char *servers;
    const struct workload *workload;
    const char *auth;   /* `scheme:auth`, or NULL. */
    const char *output; /* The file for the JSON; NULL: none. */
    int64_t timeout_ms, sessions, outstanding, size, keys, reads_percent, operations, ephemerals;
    int64_t progress_s; /* -1: as the terminal has it; 0: never. */
    uint64_t seed;
    double rate, duration_s, warmup_s; /* rate 0: as fast as it goes. */
    bool is_json, keeps_nodes, is_sequential, is_help;
};

/* Returns false and appends to `wrong` what is wrong. The texts of `ret` are those of argv. `argv`
 * is without the program's name and ends with NULL. */
bool run_options_parse(struct run_options *ret, struct bytes *wrong, char **argv);

/* What there is, as text. */
void run_options_usage(struct bytes *out);

/* For other parsers of options: the whole text is a number of that range. */
bool parse_whole(int64_t *ret, const char *text, int64_t min, int64_t max);
bool parse_real(double *ret, const char *text, double min, double max);

#endif
