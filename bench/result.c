#include "bench/result.h"

#include "bench/run.h"

bool written_is_wrong(const struct written *w)
{
    return w->is_checked && (w->found < w->acknowledged || w->found - w->acknowledged > w->unknown);
}

bool result_has_reads_and_writes(const struct result *r)
{
    unsigned counted = r->o->workload->counted;

    return (counted >> OP_SET & 1) != 0 && (counted >> OP_GET & 1) != 0;
}

int result_status(const struct result *r)
{
    if (r->signal != 0)
        return STATUS_INTERRUPTED + r->signal;
    if (r->f->failed > 0 || r->unfinished > 0 || r->missed > 0 || r->counts.expired > 0 ||
        written_is_wrong(&r->written) || r->written.err != ZK_OK)
        return STATUS_NOT_CLEAN;
    return STATUS_OK;
}

static double us(double ns)
{
    return ns / 1e3;
}

static void put_latencies(struct json *j, const char *key, const struct latencies *l)
{
    json_open(j, key, '{');
    json_decimal(j, "mean", us(latencies_mean_ns(l)), 1);
    json_decimal(j, "min", us((double)l->min_ns), 1);
    json_decimal(j, "p50", us((double)latencies_quantile(l, 0.5)), 1);
    json_decimal(j, "p90", us((double)latencies_quantile(l, 0.9)), 1);
    json_decimal(j, "p99", us((double)latencies_quantile(l, 0.99)), 1);
    json_decimal(j, "p99_9", us((double)latencies_quantile(l, 0.999)), 1);
    json_decimal(j, "max", us((double)l->max_ns), 1);
    json_close(j, '{');
}

static void put_options(struct json *j, const struct run_options *o)
{
    const struct workload *w = o->workload;

    json_open(j, "options", '{');
    json_str(j, "server", o->servers);
    json_int(j, "timeout_ms", o->timeout_ms);
    json_int(j, "sessions", o->sessions);
    if (w->load == LOAD_SLOTS)
        json_int(j, "outstanding", o->outstanding);
    json_int(j, "size", o->size);
    if (w->keys > 0)
        json_int(j, "keys", o->keys);
    if (w->kind == OP_GET && w->counted != 1U << OP_GET)
        json_int(j, "reads_percent", o->reads_percent);
    if (w->load == LOAD_CHURN)
        json_int(j, "ephemerals", o->ephemerals);
    if (o->is_sequential)
        json_flag(j, "sequential", true);
    json_decimal(j, "rate", o->rate, 3);
    json_decimal(j, "duration_s", o->duration_s, 3);
    json_int(j, "ops", o->operations);
    json_decimal(j, "warmup_s", o->warmup_s, 3);
    json_int(j, "seed", (int64_t)o->seed);
    json_close(j, '{');
}

static void put_second(struct json *j, const char *key, const struct second *s, size_t index)
{
    json_open(j, key, '{');
    json_int(j, "second", (int64_t)index);
    json_int(j, "operations", (int64_t)s->operations);
    json_int(j, "failed", (int64_t)s->failed);
    json_decimal(j, "p50_us", us((double)s->p50_ns), 1);
    json_decimal(j, "p99_us", us((double)s->p99_ns), 1);
    json_decimal(j, "max_us", us((double)s->max_ns), 1);
    json_close(j, '{');
}

static void put_seconds(struct json *j, const struct figures *f)
{
    int slowest = figures_slowest(f);

    if (slowest >= 0)
        put_second(j, "slowest_second", &f->seconds[slowest], (size_t)slowest);
    json_open(j, "seconds", '[');
    for (size_t i = 0; i < f->seconds_count; i++)
        put_second(j, NULL, &f->seconds[i], i);
    json_close(j, '[');
}

static void put_gap(struct json *j, const char *key, const struct gap *g, int64_t begin_ns)
{
    json_open(j, key, '{');
    json_decimal(j, "ms", (double)g->longest_ns / 1e6, 3);
    json_decimal(j, "at_s", g->longest_ns > 0 ? (double)(g->at_ns - begin_ns) / 1e9 : 0, 3);
    json_close(j, '{');
}

static void put_failures(struct json *j, const struct figures *f)
{
    json_open(j, "errors", '{');
    for (size_t i = 0; i < f->failures_count; i++)
        json_int(j, zabc_err_text(f->failures[i].err), (int64_t)f->failures[i].count);
    json_close(j, '{');
}

static void put_histogram(struct json *j, const struct latencies *l)
{
    uint64_t upto, count;
    size_t index = 0;

    /* Pairs: at most so many microseconds (and more than the pair before says), so many times. */
    json_open(j, "histogram_us", '[');
    while (latencies_next(l, &index, &upto, &count)) {
        json_open(j, NULL, '[');
        json_decimal(j, NULL, us((double)upto), 3);
        json_int(j, NULL, (int64_t)count);
        json_close(j, '[');
    }
    json_close(j, '[');
}

static void put_sessions(struct json *j, const struct result *r)
{
    json_open(j, "sessions", '{');
    if (r->open_s > 0)
        json_decimal(j, "open_ms", r->open_s * 1e3, 3);
    json_int(j, "connections_lost", (int64_t)r->counts.connections_lost);
    json_int(j, "reconnects", (int64_t)r->counts.reconnects);
    json_int(j, "expired", (int64_t)r->counts.expired);
    json_int(j, "disconnected_at_end", (int64_t)r->disconnected);
    json_open(j, "by_server", '{');
    for (size_t i = 0; i < r->servers_count; i++)
        json_int(j, r->servers[i].name, (int64_t)r->servers[i].sessions);
    json_close(j, '{');
    json_close(j, '{');
}

static void put_written(struct json *j, const struct written *w)
{
    if (!w->is_checked && w->err == ZK_OK)
        return;
    json_open(j, "writes", '{');
    json_int(j, "acknowledged", (int64_t)w->acknowledged);
    json_int(j, "unknown", (int64_t)w->unknown);
    if (w->is_checked)
        json_int(j, "found", (int64_t)w->found);
    else
        json_str(j, "not_counted", zabc_err_text(w->err));
    json_flag(j, "ok", w->is_checked && !written_is_wrong(w));
    json_close(j, '{');
}

void result_json(struct json *j, const struct result *r)
{
    const struct figures *f = r->f;

    json_begin(j);
    json_str(j, "zabbench", ZABD_VERSION);
    json_str(j, "workload", r->o->workload->name);
    put_options(j, r->o);
    json_str(j, "began", r->began);
    json_int(j, "status", result_status(r));
    json_decimal(j, "elapsed_s", figures_elapsed_s(f), 3);
    json_int(j, "operations", (int64_t)f->all.count);
    json_decimal(j, "operations_per_s", figures_per_s(f), 1);
    put_latencies(j, "latency_us", &f->all);
    json_open(j, "by_operation", '{');
    for (int kind = 0; kind < OP_KINDS; kind++) {
        if (f->kinds[kind].count == 0)
            continue;
        json_open(j, op_names[kind], '{');
        json_int(j, "operations", (int64_t)f->kinds[kind].count);
        put_latencies(j, "latency_us", &f->kinds[kind]);
        json_close(j, '{');
    }
    json_close(j, '{');
    if (f->send_delay.count > 0)
        put_latencies(j, "send_delay_us", &f->send_delay);
    put_gap(j, "longest_gap", &f->any, f->begin_ns);
    if (result_has_reads_and_writes(r))
        put_gap(j, "longest_write_gap", &f->writes, f->begin_ns);
    json_int(j, "failed", (int64_t)f->failed);
    put_failures(j, f);
    json_int(j, "unknown_writes", (int64_t)f->unknown_writes);
    json_int(j, "unfinished", (int64_t)r->unfinished);
    json_int(j, "missed_notifications", (int64_t)r->missed);
    put_sessions(j, r);
    put_written(j, &r->written);
    json_decimal(j, "own_cpu", r->cpu_share, 3);
    put_seconds(j, f);
    put_histogram(j, &f->all);
    json_end(j);
}
