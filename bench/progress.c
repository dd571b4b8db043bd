#include "bench/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/text.h"
#include "util/check.h"

enum { PERIOD_TERMINAL_S = 1, PERIOD_FILE_S = 10, COLUMNS = 80 };

static size_t up_count(const struct bench *b)
{
    size_t ret = 0;

    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        struct zabc *client = b->sessions[i].client;

        ret += client != NULL && zabc_state(client) == ZABC_CONNECTED;
    }
    return ret;
}

void progress_line(struct bytes *out, const struct bench *b, const char *phase, size_t first,
                   int64_t now_ns)
{
    const struct figures *f = &b->figures;
    struct second sum = { 0 };
    size_t count = f->seconds_count - first;

    if (phase != NULL || count == 0) {
        bytes_printf(out, "%s: %s", b->o->workload->name, phase != NULL ? phase : "measures");
        return;
    }
    for (size_t i = first; i < f->seconds_count; i++) {
        const struct second *it = &f->seconds[i];

        sum.operations += it->operations;
        sum.p50_ns = it->p50_ns;
        sum.p99_ns = it->p99_ns > sum.p99_ns ? it->p99_ns : sum.p99_ns;
        sum.max_ns = it->max_ns > sum.max_ns ? it->max_ns : sum.max_ns;
    }
    bytes_printf(out, "%s %.0f s: ", b->o->workload->name, (double)(now_ns - f->begin_ns) / 1e9);
    text_count(out, sum.operations / count);
    bytes_printf(out, " /s, p50 ");
    text_ms(out, sum.p50_ns);
    bytes_printf(out, " p99 ");
    text_ms(out, sum.p99_ns);
    bytes_printf(out, " max ");
    text_ms(out, sum.max_ns);
    bytes_printf(out, " ms, failed ");
    text_count(out, f->failed);
    bytes_printf(out, ", sessions %zu of %lld", up_count(b), (long long)b->o->sessions);
}

static int columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : COLUMNS;
}

/* At a terminal in place of the line before; cut, so that it stays one line. */
static void show(struct progress *p)
{
    struct bytes line = { 0 };

    progress_line(&line, p->bench, p->phase, p->seconds_said, bench_now_ns());
    if (p->is_terminal) {
        int most = columns() - 1;

        (void)fprintf(stderr, "\r%.*s\x1b[K", (int)line.len < most ? (int)line.len : most,
                      (const char *)line.at);
    } else {
        (void)fprintf(stderr, "%.*s\n", (int)line.len, (const char *)line.at);
    }
    (void)fflush(stderr);
    p->is_shown = p->is_terminal;
    bytes_done(&line);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct progress *p = arg;

    (void)fd;
    (void)what;
    figures_tick(&p->bench->figures, bench_now_ns());
    show(p);
    p->seconds_said = p->bench->figures.seconds_count;
}

void progress_init(struct progress *p, struct bench *b)
{
    int64_t period = b->o->progress_s;

    *p = (struct progress){ .bench = b, .phase = "connects", .is_terminal = isatty(STDERR_FILENO) };
    if (period < 0)
        period = p->is_terminal ? PERIOD_TERMINAL_S : PERIOD_FILE_S;
    if (period == 0)
        return;

    const struct timeval tv = { .tv_sec = period };

    p->period_s = period;
    p->timer = event_new(b->base, -1, EV_PERSIST, on_timer, p);
    zk_assert(p->timer != NULL && event_add(p->timer, &tv) == 0);
}

void progress_done(struct progress *p)
{
    progress_clear(p);
    if (p->timer != NULL)
        event_free(p->timer);
    p->timer = NULL;
}

void progress_clear(struct progress *p)
{
    if (p->is_shown)
        (void)fprintf(stderr, "\r\x1b[K");
    p->is_shown = false;
}

void progress_phase(struct progress *p, const char *phase)
{
    const struct timeval tv = { .tv_sec = p->period_s };

    p->phase = phase;
    /* Whole seconds of what is measured. */
    if (phase == NULL && p->timer != NULL)
        (void)event_add(p->timer, &tv);
    if (p->timer != NULL && p->is_terminal)
        show(p);
}
