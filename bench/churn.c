/* Sessions that come and go: each is opened, makes its ephemeral nodes, and is closed. */
#include "bench/bench.h"
#include "bench/stage.h"
#include "util/check.h"

static void start(struct session *s, int64_t due_ns);

/* The session is gone: another one in its place, at once or when it is due. */
static void next(struct session *s)
{
    struct bench *b = s->bench;
    int64_t now = bench_now_ns();

    s->client = zabc_free(s->client);
    s->is_closing = false;
    b->under_way--;
    if (bench_is_paced(b)) {
        list_append(&b->available, &s->available);
        b->driver->pump(b);
    } else if (bench_may_send(b, now)) {
        start(s, now);
    }
}

static void on_closed(void *arg, const struct zabc_reply *reply)
{
    struct session *s = arg;

    (void)reply;
    if (s->close_ns > 0)
        figures_answered(&s->bench->figures, OP_CLOSE, s->close_ns, bench_now_ns());
    next(s);
}

/* Without a connection the session ends by itself, some time; that is no answer. */
static void close_session(struct session *s)
{
    bool is_up = session_is_up(s);
    int64_t now = bench_now_ns();

    s->is_closing = true;
    s->close_ns = is_up ? now : 0;
    if (!is_up)
        figures_failed(&s->bench->figures, OP_CLOSE, ZK_CONNECTION_LOSS, now, now);
    zk_assert(zabc_close(s->client, (struct zabc_done){ on_closed, s }) == 0);
}

static void on_created(void *arg, const struct zabc_reply *reply)
{
    struct session *s = arg;
    struct figures *f = &s->bench->figures;
    int64_t now = bench_now_ns();

    if (reply->err == ZK_OK)
        figures_answered(f, OP_CREATE, s->due_ns, now);
    else
        figures_failed(f, OP_CREATE, reply->err, s->due_ns, now);
    if (--s->ephemerals_left == 0)
        close_session(s);
}

static void make_ephemerals(struct session *s)
{
    struct bench *b = s->bench;
    char path[STAGE_PATH_BYTES];
    const struct zabc_create what = {
        .path = path,
        .data = { .at = b->data, .len = (int32_t)b->o->size },
        .mode = ZK_CREATE_EPHEMERAL,
    };

    s->ephemerals_left = b->o->ephemerals;
    s->due_ns = bench_now_ns();
    for (int64_t i = 0; i < b->o->ephemerals; i++) {
        stage_node_path(path, b->next_node++, false);
        zk_assert(zabc_create(s->client, &what, (struct zabc_done){ on_created, s }) == 0);
    }
}

static void on_session(void *arg, const struct zabc_event *event)
{
    struct session *s = arg;
    struct bench *b = s->bench;
    int64_t now = bench_now_ns();

    if (event->state == ZK_STATE_DISCONNECTED) {
        b->counts.connections_lost++;
    } else if (event->state == ZK_STATE_AUTH_FAILED) {
        b->fatal = "authentication failed";
    } else if (event->state == ZK_STATE_EXPIRED) {
        b->counts.expired++;
        if (s->is_closing)
            return; /* on_closed() follows. */
        figures_failed(&b->figures, OP_CONNECT, ZK_SESSION_EXPIRED, s->due_ns, now);
        next(s);
    } else if (event->state == ZK_STATE_SYNC_CONNECTED) {
        b->counts.reconnects += s->was_connected;
        if (s->was_connected)
            return;
        s->was_connected = true;
        figures_answered(&b->figures, OP_CONNECT, s->due_ns, now);
        if (b->o->ephemerals > 0)
            make_ephemerals(s);
        else
            close_session(s);
    }
}

static void start(struct session *s, int64_t due_ns)
{
    struct bench *b = s->bench;

    s->due_ns = due_ns;
    s->ephemerals_left = 0;
    b->under_way++;
    bench_sent(b, due_ns);
    session_open(s, on_session);
}

static void pump(struct bench *b)
{
    int64_t due;

    while (!list_is_empty(&b->available)) {
        struct session *s = list_entry(b->available.next, struct session, available);

        if (!bench_take_due(b, &due)) {
            bench_set_pacer(b);
            return;
        }
        list_remove(&s->available);
        start(s, due);
    }
}

static void begin(struct bench *b)
{
    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        if (bench_is_paced(b))
            list_append(&b->available, &b->sessions[i].available);
        else if (bench_may_send(b, bench_now_ns()))
            start(&b->sessions[i], bench_now_ns());
    }
    if (bench_is_paced(b))
        pump(b);
}

static bool is_idle(const struct bench *b)
{
    return b->under_way == 0;
}

const struct driver churn_driver = {
    .begin = begin,
    .pump = pump,
    .is_idle = is_idle,
};
