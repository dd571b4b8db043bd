/* Fan-out: every session watches one node; a round sets it and waits until all of them were told,
 * then they watch it again. The stage's session is the one that sets. */
#include <stdio.h>

#include "bench/bench.h"
#include "bench/stage.h"
#include "util/check.h"

/* There is one run in a process. */
static struct {
    size_t armed;   /* Sessions that watch. */
    size_t waiting; /* That have still to be told in this round. */
    bool is_on;     /* The round. */
    bool is_set;    /* The node, in this round. */
    int64_t due_ns, set_ns;
} round_now;

static void arm(struct session *s);
static void begin_round(struct bench *b);

static void end_round(struct bench *b, int64_t now_ns)
{
    if (round_now.waiting > 0 || !round_now.is_set || !round_now.is_on)
        return;
    round_now.is_on = false;
    b->under_way--;
    figures_answered(&b->figures, OP_ROUND, round_now.due_ns, now_ns);
    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        if (session_is_up(&b->sessions[i]))
            arm(&b->sessions[i]);
    }
}

static void on_told(void *arg, const struct zabc_event *event)
{
    struct session *s = arg;
    struct bench *b = s->bench;
    int64_t now = bench_now_ns();

    if (event->type != ZK_EVENT_NODE_DATA_CHANGED || !s->is_armed)
        return;
    s->is_armed = false;
    round_now.armed--;
    if (s->is_waited) {
        s->is_waited = false;
        figures_answered(&b->figures, OP_NOTIFY, round_now.due_ns, now);
        round_now.waiting--;
        end_round(b, now);
    } else if (!round_now.is_on) {
        arm(s); /* By a set whose answer was lost. */
    }
}

static void on_armed(void *arg, const struct zabc_reply *reply)
{
    struct session *s = arg;
    struct bench *b = s->bench;

    s->is_asking = false;
    if (reply->err == ZK_OK) {
        s->is_armed = true;
        round_now.armed++;
        begin_round(b);
        return;
    }
    figures_failed(&b->figures, OP_GET, reply->err, bench_now_ns(), bench_now_ns());
    if (session_is_up(s))
        arm(s);
}

static void arm(struct session *s)
{
    const struct zabc_watcher watcher = { .tell = on_told, .arg = s };
    char path[STAGE_PATH_BYTES];

    if (s->is_armed || s->is_asking || !s->bench->is_sending)
        return;
    s->is_asking = true;
    stage_key_path(path, 0);
    zk_assert(zabc_get_data(s->client, path, &watcher, (struct zabc_done){ on_armed, s }) == 0);
}

static void set_node(struct bench *b);

static void set_again(evutil_socket_t fd, short what, void *arg)
{
    struct bench *b = arg;

    (void)fd;
    (void)what;
    if (b->is_sending && round_now.is_on && !round_now.is_set)
        set_node(b);
}

static void on_set(void *arg, const struct zabc_reply *reply)
{
    struct bench *b = arg;
    int64_t now = bench_now_ns();
    /* The client that told us may be dying: its successor is there then. */
    static const struct timeval pause = { .tv_usec = 10000 };

    if (reply->err == ZK_OK) {
        round_now.is_set = true;
        figures_answered(&b->figures, OP_SET, round_now.set_ns, now);
        end_round(b, now);
        return;
    }
    figures_failed(&b->figures, OP_SET, reply->err, round_now.set_ns, now);
    if (!err_is_unknown(reply->err))
        b->fatal = "the watched node can't be set";
    else
        (void)event_base_once(b->base, -1, EV_TIMEOUT, set_again, b, &pause);
}

/* Again when the answer was lost: the round's time goes on. */
static void set_node(struct bench *b)
{
    const struct jute_bytes data = { .at = b->data, .len = (int32_t)b->o->size };
    char below[STAGE_PATH_BYTES];
    char path[256];

    stage_key_path(below, 0);
    (void)snprintf(path, sizeof path, "%s%s", b->root, below);
    round_now.set_ns = bench_now_ns();
    zk_assert(zabc_set_data(stage_client(b), path, data, -1, (struct zabc_done){ on_set, b }) == 0);
}

static void begin_round(struct bench *b)
{
    int64_t due = bench_now_ns();

    if (round_now.is_on || round_now.armed < (size_t)b->o->sessions)
        return;
    if (bench_is_paced(b)) {
        if (!bench_take_due(b, &due)) {
            bench_set_pacer(b);
            return;
        }
    } else if (!bench_may_send(b, due)) {
        return;
    }
    round_now.is_on = true;
    round_now.is_set = false;
    round_now.waiting = round_now.armed;
    round_now.due_ns = due;
    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        b->sessions[i].is_waited = true;
        bench_sent(b, due);
    }
    b->under_way++;
    set_node(b);
}

static void is_up(struct session *s)
{
    arm(s);
}

/* Its watch is gone with it, and so is what it would have been told. */
static void is_replaced(struct session *s)
{
    struct bench *b = s->bench;

    s->is_asking = false;
    if (!s->is_armed)
        return;
    s->is_armed = false;
    round_now.armed--;
    if (!s->is_waited)
        return;
    s->is_waited = false;
    b->missed++;
    round_now.waiting--;
    end_round(b, bench_now_ns());
}

static void begin(struct bench *b)
{
    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        if (session_is_up(&b->sessions[i]))
            arm(&b->sessions[i]);
    }
}

static bool is_idle(const struct bench *b)
{
    return b->under_way == 0;
}

const struct driver watch_driver = {
    .begin = begin,
    .is_up = is_up,
    .is_replaced = is_replaced,
    .pump = begin_round,
    .is_idle = is_idle,
};
