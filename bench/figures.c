#include "bench/figures.h"

#include <stdlib.h>

#include "jute/opcodes.h"
#include "util/check.h"

#define SECOND_NS 1000000000

void figures_init(struct figures *f, unsigned counted)
{
    *f = (struct figures){ .counted = counted };
    f->kinds = zk_xcalloc(OP_KINDS, sizeof *f->kinds);
}

void figures_done(struct figures *f)
{
    free(f->kinds);
    free(f->seconds);
    *f = (struct figures){ 0 };
}

bool err_is_unknown(int err)
{
    return err == ZK_CONNECTION_LOSS || err == ZK_SESSION_EXPIRED || err == ZK_REQUEST_TIMEOUT ||
           err == ZK_OPERATION_TIMEOUT || err == ZK_MARSHALLING_ERROR;
}

void figures_begin(struct figures *f, int64_t now_ns, int64_t end_ns)
{
    f->begin_ns = f->last_ns = now_ns;
    f->end_ns = end_ns;
    f->any.last_ns = f->writes.last_ns = now_ns;
}

static bool belongs(const struct figures *f, int64_t due_ns)
{
    return f->begin_ns > 0 && !f->is_over && due_ns >= f->begin_ns && due_ns < f->end_ns;
}

static void close_second(struct figures *f)
{
    size_t count = f->seconds_count;

    if ((count & (count - 1)) == 0)
        f->seconds = zk_xrealloc(f->seconds, (count > 0 ? count * 2 : 1) * sizeof *f->seconds);
    f->seconds[count] = (struct second){
        .operations = f->now.count,
        .failed = f->failed_now,
        .p50_ns = latencies_quantile(&f->now, 0.5),
        .p99_ns = latencies_quantile(&f->now, 0.99),
        .max_ns = f->now.max_ns,
    };
    f->seconds_count++;
    latencies_clear(&f->now);
    f->failed_now = 0;
}

void figures_tick(struct figures *f, int64_t now_ns)
{
    while (f->begin_ns > 0 && now_ns >= f->begin_ns + (int64_t)(f->seconds_count + 1) * SECOND_NS)
        close_second(f);
}

static void extend(struct gap *g, int64_t now_ns)
{
    if (now_ns - g->last_ns > g->longest_ns) {
        g->longest_ns = now_ns - g->last_ns;
        g->at_ns = g->last_ns;
    }
    g->last_ns = now_ns;
}

static bool counts(const struct figures *f, enum op_kind kind)
{
    return (f->counted >> kind & 1) != 0;
}

void figures_answered(struct figures *f, enum op_kind kind, int64_t due_ns, int64_t now_ns)
{
    f->acknowledged[kind]++;
    if (!belongs(f, due_ns))
        return;
    figures_tick(f, now_ns);
    latencies_add(&f->kinds[kind], now_ns - due_ns);
    if (!counts(f, kind))
        return;
    latencies_add(&f->all, now_ns - due_ns);
    latencies_add(&f->now, now_ns - due_ns);
    f->last_ns = now_ns;
    extend(&f->any, now_ns);
    if (op_is_write(kind))
        extend(&f->writes, now_ns);
}

static void count_failure(struct figures *f, int err)
{
    size_t i = 0;

    while (i < f->failures_count && f->failures[i].err != err)
        i++;
    if (i == FIGURES_ERRS_MAX)
        i--;
    else if (i == f->failures_count)
        f->failures[f->failures_count++].err = err;
    f->failures[i].count++;
}

void figures_failed(struct figures *f, enum op_kind kind, int err, int64_t due_ns, int64_t now_ns)
{
    bool is_unknown = op_is_write(kind) && err_is_unknown(err);

    f->unknown[kind] += is_unknown;
    if (!belongs(f, due_ns))
        return;
    figures_tick(f, now_ns);
    f->failed++;
    f->failed_now++;
    f->unknown_writes += is_unknown;
    count_failure(f, err);
    f->last_ns = now_ns;
}

void figures_sent(struct figures *f, int64_t due_ns, int64_t now_ns)
{
    if (belongs(f, due_ns))
        latencies_add(&f->send_delay, now_ns - due_ns);
}

/* A run that was ended early, or went on because of late answers, is as long as it was. */
static int64_t elapsed_ns(const struct figures *f)
{
    int64_t end = f->last_ns > f->end_ns ? f->last_ns : f->end_ns;

    return end - f->begin_ns;
}

void figures_end(struct figures *f, int64_t now_ns)
{
    int64_t end = now_ns < f->end_ns ? now_ns : f->end_ns;

    f->is_over = true;
    if (f->begin_ns == 0)
        return;
    f->end_ns = end;
    figures_tick(f, f->begin_ns + elapsed_ns(f));
    if (f->any.last_ns < end)
        extend(&f->any, end);
    if (f->writes.last_ns < end)
        extend(&f->writes, end);
}

double figures_elapsed_s(const struct figures *f)
{
    return f->begin_ns > 0 ? (double)elapsed_ns(f) / 1e9 : 0;
}

double figures_per_s(const struct figures *f)
{
    double elapsed = figures_elapsed_s(f);

    return elapsed > 0 ? (double)f->all.count / elapsed : 0;
}

int figures_slowest(const struct figures *f)
{
    int ret = -1;
    size_t whole = (size_t)((f->end_ns - f->begin_ns) / SECOND_NS);

    for (size_t i = 0; i < f->seconds_count && i < whole; i++) {
        const struct second *it = &f->seconds[i];
        const struct second *best = ret >= 0 ? &f->seconds[ret] : NULL;

        if (best == NULL || it->operations < best->operations ||
            (it->operations == best->operations && it->max_ns > best->max_ns))
            ret = (int)i;
    }
    return ret;
}
