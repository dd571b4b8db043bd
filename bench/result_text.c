#include <inttypes.h>
#include <stdio.h>

#include "bench/result.h"
#include "bench/text.h"

enum { LABEL = 16, NUMBER = 10, BAR = 40, ROWS_MAX = 64 };

static void label(struct bytes *out, const char *text)
{
    bytes_printf(out, "%-*s", LABEL, text);
}

static void end_line(struct bytes *out)
{
    bytes_put(out, "\n", 1);
}

static void put_count(struct bytes *out, uint64_t count)
{
    size_t begin = out->len;

    text_count(out, count);
    text_right(out, begin, NUMBER + 1);
}

static void put_ms(struct bytes *out, uint64_t ns)
{
    size_t begin = out->len;

    text_ms(out, ns);
    text_right(out, begin, NUMBER);
}

static void put_latencies(struct bytes *out, const char *name, const struct latencies *l)
{
    label(out, name);
    put_count(out, l->count);
    put_ms(out, (uint64_t)latencies_mean_ns(l));
    put_ms(out, latencies_quantile(l, 0.5));
    put_ms(out, latencies_quantile(l, 0.9));
    put_ms(out, latencies_quantile(l, 0.99));
    put_ms(out, latencies_quantile(l, 0.999));
    put_ms(out, l->max_ns);
    end_line(out);
}

static void put_head(struct bytes *out, const struct result *r)
{
    const struct run_options *o = r->o;
    const struct workload *w = o->workload;

    bytes_printf(out, "%s", w->name);
    if (w->kind == OP_GET && w->counted != 1U << OP_GET)
        bytes_printf(out, " (%" PRId64 " %% reads)", o->reads_percent);
    bytes_printf(out, ": %" PRId64 " sessions", o->sessions);
    if (w->load == LOAD_SLOTS)
        bytes_printf(out, " with %" PRId64 " outstanding", o->outstanding);
    if (w->load == LOAD_CHURN && o->ephemerals > 0)
        bytes_printf(out, " with %" PRId64 " ephemeral nodes", o->ephemerals);
    bytes_printf(out, ", %" PRId64 " bytes", o->size);
    if (w->keys > 0 && w->load == LOAD_SLOTS) {
        bytes_printf(out, ", ");
        text_count(out, (uint64_t)o->keys);
        bytes_printf(out, " keys");
    }
    if (o->rate > 0)
        bytes_printf(out, ", paced at %.15g /s", o->rate);
    end_line(out);
}

static void put_rates(struct bytes *out, const struct result *r)
{
    const struct figures *f = r->f;

    label(out, "operations");
    text_count(out, (uint64_t)(figures_per_s(f) + 0.5));
    bytes_printf(out, " /s   (");
    text_count(out, f->all.count);
    bytes_printf(out, " in %.3f s)\n", figures_elapsed_s(f));
    bytes_printf(out, "%-*s%*s%*s%*s%*s%*s%*s%*s\n", LABEL, "latency in ms", NUMBER + 1, "count",
                 NUMBER, "mean", NUMBER, "p50", NUMBER, "p90", NUMBER, "p99", NUMBER, "p99.9",
                 NUMBER, "max");
    for (int kind = 0; kind < OP_KINDS; kind++) {
        if (f->kinds[kind].count > 0)
            put_latencies(out, op_names[kind], &f->kinds[kind]);
    }
    if (f->all.count > 0)
        put_latencies(out, "all", &f->all);
    if (f->send_delay.count > 0)
        put_latencies(out, "sent late by", &f->send_delay);
}

static void put_gap(struct bytes *out, const char *name, const struct gap *g, int64_t begin_ns)
{
    if (g->longest_ns == 0)
        return;
    label(out, name);
    text_ms(out, (uint64_t)g->longest_ns);
    bytes_printf(out, " ms, at %.3f s\n", (double)(g->at_ns - begin_ns) / 1e9);
}

static void put_worst(struct bytes *out, const struct result *r)
{
    const struct figures *f = r->f;
    int slowest = figures_slowest(f);

    if (slowest >= 0) {
        const struct second *s = &f->seconds[slowest];

        label(out, "slowest second");
        bytes_printf(out, "at %d s: ", slowest);
        text_count(out, s->operations);
        bytes_printf(out, " operations, p99 ");
        text_ms(out, s->p99_ns);
        bytes_printf(out, " ms, max ");
        text_ms(out, s->max_ns);
        bytes_printf(out, " ms\n");
    }
    put_gap(out, "longest gap", &f->any, f->begin_ns);
    if (result_has_reads_and_writes(r))
        put_gap(out, "  of writes", &f->writes, f->begin_ns);
}

static void put_failures(struct bytes *out, const struct result *r)
{
    const struct figures *f = r->f;
    const char *comma = ": ";

    label(out, "failed");
    text_count(out, f->failed);
    for (size_t i = 0; i < f->failures_count; i++, comma = ", ") {
        bytes_printf(out, "%s%s ", comma, zabc_err_text(f->failures[i].err));
        text_count(out, f->failures[i].count);
    }
    if (f->unknown_writes > 0) {
        bytes_printf(out, "; writes whose outcome is not known: ");
        text_count(out, f->unknown_writes);
    }
    end_line(out);
    if (r->unfinished > 0) {
        label(out, "unfinished");
        text_count(out, r->unfinished);
        bytes_printf(out, " that were due\n");
    }
    if (r->missed > 0) {
        label(out, "missed");
        text_count(out, r->missed);
        bytes_printf(out, " notifications of sessions that expired\n");
    }
}

static void put_sessions(struct bytes *out, const struct result *r)
{
    const char *comma = "";

    label(out, "sessions");
    bytes_printf(out, "connections lost %" PRIu64 ", reconnects %" PRIu64 ", expired %" PRIu64,
                 r->counts.connections_lost, r->counts.reconnects, r->counts.expired);
    if (r->disconnected > 0)
        bytes_printf(out, ", without a connection in the end %zu", r->disconnected);
    if (r->open_s > 0)
        bytes_printf(out, "; opened in %.1f ms, %.0f /s", r->open_s * 1e3,
                     (double)r->o->sessions / r->open_s);
    end_line(out);
    if (r->servers_count == 0)
        return;
    label(out, "  at");
    for (size_t i = 0; i < r->servers_count; i++, comma = ", ")
        bytes_printf(out, "%s%s %zu", comma, r->servers[i].name, r->servers[i].sessions);
    end_line(out);
}

static void put_written(struct bytes *out, const struct written *w)
{
    if (!w->is_checked && w->err == ZK_OK)
        return;
    label(out, "writes");
    text_count(out, w->acknowledged);
    bytes_printf(out, " acknowledged, ");
    if (w->unknown > 0) {
        text_count(out, w->unknown);
        bytes_printf(out, " unknown, ");
    }
    if (!w->is_checked) {
        bytes_printf(out, "not counted: %s\n", zabc_err_text(w->err));
        return;
    }
    text_count(out, w->found);
    bytes_printf(out, " found%s\n",
                 w->found < w->acknowledged ? ": ACKNOWLEDGED WRITES ARE LOST"
                 : written_is_wrong(w)      ? ": MORE THAN WERE ASKED FOR"
                                            : "");
}

/* Rows of 1, 2, 5, 10, ... */
static uint64_t next_edge_ns(uint64_t edge)
{
    uint64_t unit = 1;

    while (edge / unit >= 10)
        unit *= 10;
    return edge / unit == 2 ? edge / 2 * 5 : edge * 2;
}

static void put_histogram(struct bytes *out, const struct latencies *l)
{
    uint64_t counts[ROWS_MAX];
    uint64_t first = 1000; /* 1 us: nothing is faster. */
    size_t rows = 0;
    uint64_t below = 0;

    if (l->count == 0)
        return;
    while (first < l->min_ns)
        first = next_edge_ns(first);
    for (uint64_t edge = first; rows < ROWS_MAX; edge = next_edge_ns(edge)) {
        bool is_last = edge >= l->max_ns;

        /* The bucket of the slowest may end behind the edge. */
        counts[rows++] = latencies_between(l, below, is_last ? UINT64_MAX : edge);
        below = edge;
        if (is_last)
            break;
    }
    bytes_printf(out, "\n%-*s%*s\n", LABEL, "upto ms", NUMBER + 1, "count");
    for (size_t i = 0; i < rows; i++, first = next_edge_ns(first)) {
        double share = (double)counts[i] / (double)l->count;

        bytes_printf(out, "%-*.15g", LABEL, (double)first / 1e6);
        put_count(out, counts[i]);
        bytes_printf(out, "  %6.2f %%  %.*s\n", share * 100, (int)(share * BAR + 0.5),
                     "########################################");
    }
}

void result_text(struct bytes *out, const struct result *r)
{
    put_head(out, r);
    if (r->f->begin_ns > 0 && r->o->workload->counted != 0) {
        put_rates(out, r);
        put_worst(out, r);
    }
    put_failures(out, r);
    put_sessions(out, r);
    put_written(out, &r->written);
    label(out, "zabbench itself");
    bytes_printf(out, "%.2f of a core%s\n", r->cpu_share,
                 r->cpu_share > 0.95 ? ": it may have been what was too slow" : "");
    put_histogram(out, &r->f->all);
}
