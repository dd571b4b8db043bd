#include "bench/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/progress.h"
#include "bench/result.h"
#include "bench/stage.h"
#include "util/check.h"

enum {
    DRAIN_MORE_MS = 1000,      /* Beyond the session timeout: for the last answers. */
    DRAIN_SIGNALLED_MS = 1000, /* After an interruption. */
    FILES_MORE = 64,           /* Beside those of sessions. */
};

int64_t bench_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void bench_turn(struct bench *b)
{
    (void)event_base_loop(b->base, EVLOOP_ONCE);
}

/* ---- What may be sent. */

static bool has_all_operations(const struct bench *b)
{
    return b->o->operations > 0 && b->started >= (uint64_t)b->o->operations;
}

bool bench_may_send(const struct bench *b, int64_t due_ns)
{
    return b->is_sending && due_ns < b->end_ns && !has_all_operations(b);
}

void bench_sent(struct bench *b, int64_t due_ns)
{
    if (b->figures.begin_ns > 0 && due_ns >= b->figures.begin_ns)
        b->started++;
}

bool bench_take_due(struct bench *b, int64_t *ret_due_ns)
{
    int64_t now = bench_now_ns();

    if (!bench_may_send(b, pace_next_ns(&b->pace)) || !pace_take(&b->pace, now, ret_due_ns))
        return false;
    figures_sent(&b->figures, *ret_due_ns, now);
    return true;
}

void bench_set_pacer(struct bench *b)
{
    int64_t next = pace_next_ns(&b->pace);
    int64_t left = next - bench_now_ns();

    if (!bench_may_send(b, next))
        return;
    if (left < 0)
        left = 0;

    /* Not too early: a microsecond that has begun counts. */
    const struct timeval tv = { .tv_sec = left / 1000000000,
                                .tv_usec = (left % 1000000000 + 999) / 1000 % 1000000 };

    (void)event_add(b->pacer, &tv);
}

static void on_pacer(evutil_socket_t fd, short what, void *arg)
{
    struct bench *b = arg;

    (void)fd;
    (void)what;
    b->driver->pump(b);
}

/* ---- A run's parts. */

struct run {
    struct bench bench;
    struct progress progress;
    struct event *signals[2], *end;
    struct result result;
    double cpu_begin_s;
};

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct bench *b = arg;

    (void)what;
    b->signal = (int)fd;
    b->signals++;
}

/* Only so that the loop turns. */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static const struct driver *driver_of(const struct workload *w)
{
    static const struct driver *const drivers[] = {
        [LOAD_SLOTS] = &slots_driver,
        [LOAD_WATCH] = &watch_driver,
        [LOAD_CHURN] = &churn_driver,
        [LOAD_HOLD] = &hold_driver,
    };

    return drivers[w->load];
}

/* As many as may be, since each session is a file. false: too few. */
static bool raise_files(int64_t sessions)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return true;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= (rlim_t)(sessions + FILES_MORE);
}

/* Timers to the microsecond. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();

    zk_assert(config != NULL);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);

    struct event_base *ret = event_base_new_with_config(config);

    event_config_free(config);
    zk_assert(ret != NULL);
    return ret;
}

/* Of the run's own node. Not from the seed: two runs may have the same. */
static char *make_root(void)
{
    uint64_t number;
    struct bytes out = { 0 };

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint64_t)bench_now_ns();
    bytes_printf(&out, "/zabbench-%016" PRIx64 "%c", number, '\0');
    return (char *)out.at;
}

static void make_data(struct bench *b)
{
    b->data = zk_xmalloc((size_t)b->o->size + 1);
    for (int64_t i = 0; i < b->o->size; i++)
        b->data[i] = (uint8_t)('a' + rand_below(&b->rand, 26));
}

static void init(struct run *r, const struct run_options *o)
{
    static const int numbers[] = { SIGINT, SIGTERM };
    struct bench *b = &r->bench;

    b->o = o;
    b->base = make_base();
    b->driver = driver_of(o->workload);
    rand_seed(&b->rand, o->seed);
    list_init(&b->available);
    figures_init(&b->figures, o->workload->counted);
    b->root = make_root();
    make_data(b);
    for (int i = 0; i < 2; i++) {
        r->signals[i] = evsignal_new(b->base, numbers[i], on_signal, b);
        zk_assert(r->signals[i] != NULL && event_add(r->signals[i], NULL) == 0);
    }
    r->end = event_new(b->base, -1, 0, on_end, NULL);
    b->pacer = event_new(b->base, -1, 0, on_pacer, b);
    zk_assert(r->end != NULL && b->pacer != NULL);
    sessions_init(b);
    progress_init(&r->progress, b);
}

static void done(struct run *r)
{
    struct bench *b = &r->bench;

    sessions_done(b);
    stage_free(b);
    progress_done(&r->progress);
    for (int i = 0; i < 2; i++)
        event_free(r->signals[i]);
    event_free(r->end);
    event_free(b->pacer);
    event_base_free(b->base);
    figures_done(&b->figures);
    free(b->root);
    free(b->data);
}

/* ---- The phases. */

static double cpu_s(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) < 0)
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Turns the loop until then, or until there is nothing left to wait for. */
static void wait_until(struct run *r, int64_t end_ns)
{
    struct bench *b = &r->bench;

    for (;;) {
        int64_t left = end_ns - bench_now_ns();

        if (left <= 0 || b->signal != 0 || b->fatal != NULL || has_all_operations(b))
            return;

        const struct timeval tv = { .tv_sec = left / 1000000000,
                                    .tv_usec = left % 1000000000 / 1000 };

        (void)event_add(r->end, &tv);
        bench_turn(b);
    }
}

static int64_t ns_of(double s)
{
    return (int64_t)(s * 1e9);
}

static bool is_drained(const struct bench *b)
{
    if (b->driver->is_idle != NULL && !b->driver->is_idle(b))
        return false;
    return !bench_is_paced(b) || !bench_may_send(b, pace_next_ns(&b->pace));
}

/* Waits for what was sent, and has sent what was due. */
static void drain(struct run *r)
{
    struct bench *b = &r->bench;
    int64_t most_ms = b->signal != 0 ? DRAIN_SIGNALLED_MS : b->o->timeout_ms + DRAIN_MORE_MS;
    int64_t deadline = bench_now_ns() + most_ms * 1000000;
    unsigned signals = b->signals;

    while (!is_drained(b) && b->fatal == NULL && b->signals == signals) {
        const struct timeval tv = { .tv_usec = 50000 };

        if (bench_now_ns() > deadline)
            break;
        (void)event_add(r->end, &tv);
        bench_turn(b);
    }
    b->unfinished = b->under_way;
    if (bench_is_paced(b) && !has_all_operations(b))
        b->unfinished += pace_left(&b->pace, b->figures.begin_ns, b->end_ns);
    b->is_sending = false;
}

static void measure(struct run *r)
{
    struct bench *b = &r->bench;
    int64_t now = bench_now_ns();
    int64_t begin = now + ns_of(b->o->warmup_s);

    b->end_ns = begin + ns_of(b->o->duration_s);
    b->pace = (struct pace){ .per_s = b->o->rate, .begin_ns = now };
    b->is_sending = true;
    figures_begin(&b->figures, begin, b->end_ns); /* What is due before does not belong to it. */
    if (b->driver->begin != NULL)
        b->driver->begin(b);
    if (b->o->warmup_s > 0) {
        progress_phase(&r->progress, "warms up");
        wait_until(r, begin);
    }
    if (b->signal != 0 || b->fatal != NULL) {
        b->figures.begin_ns = 0; /* Nothing is measured. */
        b->end_ns = now;
    } else {
        progress_phase(&r->progress, NULL);
        r->cpu_begin_s = cpu_s();
        wait_until(r, b->end_ns);
        now = bench_now_ns();
        if (now < b->end_ns)
            b->end_ns = b->figures.end_ns = now;
        r->result.cpu_share = (cpu_s() - r->cpu_begin_s) / ((double)(now - begin) / 1e9);
    }
    progress_phase(&r->progress, "waits for the last answers");
    drain(r);
    figures_end(&b->figures, bench_now_ns());
}

/* Which server the sessions are at. */
static void take_servers(struct run *r)
{
    struct bench *b = &r->bench;
    struct result *to = &r->result;

    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        struct zabc *client = b->sessions[i].client;
        const char *name = client != NULL ? zabc_server(client) : "";
        size_t k = 0;

        if (*name == '\0') {
            to->disconnected += b->o->workload->load != LOAD_CHURN;
            continue;
        }
        while (k < to->servers_count && strcmp(to->servers[k].name, name) != 0)
            k++;
        if (k == RESULT_SERVERS_MAX)
            continue;
        if (k == to->servers_count) {
            to->servers_count++;
            (void)snprintf(to->servers[k].name, sizeof to->servers[k].name, "%s", name);
        }
        to->servers[k].sessions++;
    }
}

/* Of the workloads whose writes stay. */
static void check_written(struct run *r)
{
    struct bench *b = &r->bench;
    const struct workload *w = b->o->workload;
    struct written *to = &r->result.written;
    enum op_kind kind = w->keys > 0 ? OP_SET : OP_CREATE;
    const struct figures *f = &b->figures;

    if ((w->counted >> kind & 1) == 0 || w->has_nodes || b->signal != 0)
        return;
    progress_phase(&r->progress, "counts what was written");
    to->acknowledged = f->acknowledged[kind];
    to->unknown = f->unknown[kind] + b->under_way;
    /* With nobody there it would only take long. */
    to->err = r->result.disconnected < (size_t)b->o->sessions ? stage_count(b, &to->found)
                                                              : ZK_CONNECTION_LOSS;
    to->is_checked = to->err == ZK_OK;
}

static bool load(struct run *r)
{
    struct bench *b = &r->bench;
    bool is_churn = b->o->workload->load == LOAD_CHURN;

    if (!stage_new(b))
        return false;
    progress_phase(&r->progress, "makes its nodes");
    if (!stage_set_up(b))
        return false;
    progress_phase(&r->progress, "opens sessions");

    int64_t begin = bench_now_ns();

    if (!is_churn && !sessions_open(b))
        return false;
    if (!is_churn)
        r->result.open_s = (double)(bench_now_ns() - begin) / 1e9;
    measure(r);
    take_servers(r);
    r->result.counts = b->counts; /* Closing is no loss. */
    progress_phase(&r->progress, "closes its sessions");
    sessions_close(b);
    if (b->fatal == NULL && b->figures.begin_ns > 0)
        check_written(r);
    return b->fatal == NULL && b->figures.begin_ns > 0;
}

/* ---- What is said. */

static int write_json(const struct json *j, const char *path)
{
    FILE *file = fopen(path, "we");
    size_t put = file != NULL ? fwrite(j->text.at, 1, j->text.len, file) : 0;

    if (file != NULL && fclose(file) == 0 && put == j->text.len)
        return STATUS_OK;
    (void)fprintf(stderr, "zabbench: %s: %s\n", path, strerror(errno));
    return STATUS_FAILED;
}

static int print(struct run *r)
{
    const struct run_options *o = r->bench.o;
    struct json json = { 0 };
    struct bytes text = { 0 };
    int status = STATUS_OK;

    result_json(&json, &r->result);
    if (o->is_json) {
        (void)fwrite(json.text.at, 1, json.text.len, stdout);
    } else {
        result_text(&text, &r->result);
        (void)fwrite(text.at, 1, text.len, stdout);
    }
    if (fflush(stdout) != 0)
        status = STATUS_FAILED;
    if (o->output != NULL && write_json(&json, o->output) != STATUS_OK)
        status = STATUS_FAILED;
    bytes_done(&json.text);
    bytes_done(&text);
    return status != STATUS_OK ? status : result_status(&r->result);
}

static void finish_result(struct run *r)
{
    const struct bench *b = &r->bench;
    struct result *to = &r->result;

    to->o = b->o;
    to->f = &b->figures;
    to->unfinished = b->unfinished;
    to->missed = b->missed;
    to->signal = b->signal;
}

/* Before the result is said, so that what is said last is whether something is left. */
static bool remove_nodes(struct run *r)
{
    struct bench *b = &r->bench;
    const char *why = "";

    progress_phase(&r->progress, "removes its nodes");
    if (stage_remove(b, &why))
        return true;
    progress_clear(&r->progress);
    (void)fprintf(stderr, "zabbench: %s is left at the server: %s\n", b->root, why);
    return false;
}

int run(const struct run_options *o)
{
    struct run *r = zk_xcalloc(1, sizeof *r);
    struct bench *b = &r->bench;
    time_t now = time(NULL);
    struct tm utc;
    int status;

    if (!raise_files(o->sessions)) {
        (void)fprintf(stderr, "zabbench: too few files may be open for so many sessions\n");
        free(r);
        return STATUS_FAILED;
    }
    (void)strftime(r->result.began, sizeof r->result.began, "%Y-%m-%dT%H:%M:%SZ",
                   gmtime_r(&now, &utc));
    init(r, o);

    bool has_result = load(r);

    sessions_close(b);

    bool is_removed = remove_nodes(r);

    progress_done(&r->progress);
    if (has_result) {
        finish_result(r);
        status = print(r);
    } else if (b->signal != 0) {
        status = STATUS_INTERRUPTED + b->signal;
    } else {
        (void)fprintf(stderr, "zabbench: %s: %s\n", o->servers, b->fatal);
        status = STATUS_FAILED;
    }
    if (!is_removed && (status == STATUS_OK || status == STATUS_NOT_CLEAN))
        status = STATUS_FAILED;
    done(r);
    free(r);
    return status;
}
