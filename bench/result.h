/* What a run has found, as JSON and as text. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "bench/bench.h"
#include "cli/json.h"

enum { RESULT_SERVERS_MAX = ZABC_SERVERS_MAX };

/* Writes that must be there in the end: as many as were acknowledged, and at most those besides
 * whose answer was lost. */
struct written {
    bool is_checked; /* `found` is known. */
    int err;         /* enum zk_err: why it is not, although it should. */
    uint64_t acknowledged, unknown, found;
};

struct result {
    const struct run_options *o;
    const struct figures *f;
    struct counts counts;
    uint64_t unfinished, missed;
    double open_s;       /* How long it took until all sessions were there; 0: not measured. */
    size_t disconnected; /* Sessions without a connection in the end. */
    struct written written;
    double cpu_share; /* Of one core, our own, while it was measured. */
    char began[32];   /* UTC, as ISO 8601. */
    struct {
        char name[64];
        size_t sessions; /* That were connected to it in the end. */
    } servers[RESULT_SERVERS_MAX];
    size_t servers_count;
    int signal;
};

/* Whether acknowledged writes are missing, or more was done than was asked for. */
bool written_is_wrong(const struct written *w);

/* Whether the gaps of writes are something else than the gaps of all. */
bool result_has_reads_and_writes(const struct result *r);

/* The exit status that it stands for. */
int result_status(const struct result *r);

void result_json(struct json *j, const struct result *r);
void result_text(struct bytes *out, const struct result *r);

#endif
