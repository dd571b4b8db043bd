#include "tests/sim/scenario_stage_impl.h"

#include <string.h>

#include "util/check.h"
#include "zab/print.h"

/* ---- Logs. */

void stage_log_add(struct stage_log *l, zk_zxid zxid)
{
    zk_assert(l->count < STAGE_LOG);
    l->at[l->count++] = zxid;
}

zk_zxid stage_log_end(const struct stage_log *l, size_t count)
{
    return count > 0 ? l->at[count - 1] : 0;
}

size_t stage_log_after(const struct stage_log *l, zk_zxid zxid)
{
    size_t i = l->count;

    while (i > 0 && l->at[i - 1] > zxid)
        i--;
    return i;
}

void stage_log_cut(struct stage_log *l, zk_zxid zxid)
{
    l->count = stage_log_after(l, zxid);
}

static void say_event(struct stage *s, int who, const struct zab_event *ev)
{
    struct zab_printer p = { .self = s->servers[who].sid };

    if (s->is_quiet)
        return;
    zab_print_event(&p, ev, &s->out);
    bytes_printf(&s->out, "\n");
}

void stage_happen(struct stage *s, int who, struct zab_event ev)
{
    say_event(s, who, &ev);
    stage_step(s, who, ev);
}

void stage_flush(struct stage *s, int who)
{
    struct stage_server *me = &s->servers[who];

    if (me->is_snapshot_asked) {
        me->is_snapshot_asked = false;
        me->log = me->loaded;
        me->durable = me->log.count;
        stage_happen(s, who, (struct zab_event){ .kind = ZAB_EV_SNAPSHOT_SAVED });
    }
    if (me->durable < me->log.count) {
        me->durable = me->log.count;
        zk_zxid last = stage_log_end(&me->log, me->log.count);
        stage_happen(s, who, (struct zab_event){ .kind = ZAB_EV_LOGGED, .zxid = last });
    }
}

/* ---- Actions. */

struct view {
    struct stage *s;
    int who;
};

static zk_sid peer_of(void *ctx, zab_link link)
{
    struct view *v = ctx;
    int side = 0;
    const struct stage_link *l = stage_find_link(v->s, v->who, link, &side);

    return l != NULL ? v->s->servers[l->end[1 - side]].sid : INT64_MIN;
}

static void say_action(struct stage *s, int who, const struct zab_action *a)
{
    struct view v = { .s = s, .who = who };
    struct zab_printer p = { .self = s->servers[who].sid, .peer = peer_of, .ctx = &v };

    if (s->is_quiet || (a->kind == ZAB_DO_NOTIFY && !s->shows_votes) || a->kind == ZAB_DO_CALL ||
        a->kind == ZAB_DO_HOLD || a->kind == ZAB_DO_APPEND || a->kind == ZAB_DO_SEND ||
        a->kind == ZAB_DO_FEED || a->kind == ZAB_DO_CONNECT || a->kind == ZAB_DO_ANSWER_PING ||
        (a->kind == ZAB_DO_SERVE && !s->shows_pings))
        return;
    zab_print_action(&p, a, &s->out);
    bytes_printf(&s->out, "\n");
}

static void notify(struct stage *s, int who, const struct zab_action *a)
{
    int to = stage_find(s, a->peer);

    if (to < 0 || !s->servers[to].is_up || s->is_cut[who][to])
        return;
    struct stage_post *p = stage_post_new(s, who, to);
    p->kind = POST_NOTIFICATION;
    p->notification = a->notification;
    p->notification.config = stage_post_keep(p, a->notification.config);
}

static void truncate_log(struct stage_server *me, const struct zab_action *a)
{
    stage_log_cut(&me->log, a->zxid);
    me->held.count = 0;
    if (me->durable > me->log.count)
        me->durable = me->log.count;
    if (me->applied > a->zxid || a->is_reload)
        me->applied = stage_log_end(&me->log, me->log.count);
}

/* What of the held ones is told to; or, on a leader, all that was submitted. */
static void append(struct stage_server *me, zk_zxid zxid)
{
    size_t i = 0;

    while (i < me->held.count && me->held.at[i] <= zxid)
        stage_log_add(&me->log, me->held.at[i++]);
    me->held.count -= i;
    memmove(me->held.at, me->held.at + i, me->held.count * sizeof me->held.at[0]);
    while (zab_role(me->z) == ZAB_LEADING && stage_log_end(&me->log, me->log.count) < zxid) {
        zk_zxid last = stage_log_end(&me->log, me->log.count);
        bool is_same = zxid_epoch(last) == zxid_epoch(zxid);
        stage_log_add(&me->log, is_same ? last + 1 : zxid_make(zxid_epoch(zxid), 1));
    }
}

static void set_config(struct stage *s, struct stage_server *me, const struct zab_action *a)
{
    int config = stage_config_of(s, a->zxid);

    if (a->zxid != 0 && zab_role(me->z) == ZAB_LEADING)
        s->designated[config] = a->peer;
    if (!a->is_proposed) {
        zab_config_unref(me->cur);
        me->cur = zab_config_ref(a->config);
    }
    if (a->is_proposed || a->config->version > me->seen->version) {
        zab_config_unref(me->seen);
        me->seen = zab_config_ref(a->config);
    }
}

/* Into a state that a SNAP brought, before its snapshot takes the place of the log: none of it need
 * be decided. */
static void commit_to_loaded(struct stage_server *me, zk_zxid zxid)
{
    size_t i = 0;

    while (i < me->held.count && me->held.at[i] <= zxid)
        stage_log_add(&me->loaded, me->held.at[i++]);
    me->held.count -= i;
    memmove(me->held.at, me->held.at + i, me->held.count * sizeof me->held.at[0]);
    zk_assert(stage_log_end(&me->loaded, me->loaded.count) == zxid);
    me->applied = zxid;
}

/* What is decided anywhere is the same everywhere, and stays so. */
static void commit(struct stage *s, struct stage_server *me, zk_zxid zxid)
{
    size_t count = stage_log_after(&me->log, zxid);

    zk_assert(stage_log_end(&me->log, count) == zxid);
    for (size_t i = 0; i < count; i++) {
        if (i == s->decided.count)
            stage_log_add(&s->decided, me->log.at[i]);
        zk_assert(s->decided.at[i] == me->log.at[i]);
    }
    me->applied = zxid;
}

/* One leader an epoch; and it has all that was ever decided. */
static void lead(struct stage *s, const struct stage_server *me, int64_t epoch)
{
    if (s->led_count == STAGE_EPOCHS)
        s->led_count = 0;
    for (size_t i = 0; i < s->led_count; i++)
        zk_assert(s->led[i] != epoch);
    s->led[s->led_count++] = epoch;
    zk_assert(me->log.count >= s->decided.count);
    for (size_t i = 0; i < s->decided.count; i++)
        zk_assert(s->decided.at[i] == me->log.at[i]);
}

static void carry_out_disk(struct stage *s, int who, const struct zab_action *a)
{
    struct stage_server *me = &s->servers[who];

    if (a->kind == ZAB_DO_SAVE_ACCEPTED)
        me->accepted = a->epoch;
    else if (a->kind == ZAB_DO_SAVE_CURRENT)
        me->current = a->epoch;
    else if (a->kind == ZAB_DO_APPEND)
        append(me, a->zxid);
    else if (a->kind == ZAB_DO_TRUNCATE)
        truncate_log(me, a);
    else if (a->kind == ZAB_DO_SAVE_SNAPSHOT)
        me->is_snapshot_asked = true;
    else if (a->kind == ZAB_DO_CONFIG)
        set_config(s, me, a);
    else if (a->kind == ZAB_DO_HOLD)
        stage_log_add(&me->held, a->zxid);
    else if (a->kind == ZAB_DO_COMMIT && zab_phase(me->z) == ZAB_SYNCHRONIZATION)
        commit_to_loaded(me, a->zxid);
    else if (a->kind == ZAB_DO_COMMIT)
        commit(s, me, a->zxid);
    else if (a->kind == ZAB_DO_BECOME && a->role == ZAB_LOOKING)
        me->held.count = 0;
    else if (a->kind == ZAB_DO_BECOME && a->role == ZAB_LEADING && a->phase == ZAB_BROADCAST)
        lead(s, me, a->epoch);
}

static void carry_out(struct stage *s, int who, const struct zab_action *a)
{
    int side = 0;
    struct stage_link *l = a->link != 0 ? stage_find_link(s, who, a->link, &side) : NULL;

    say_action(s, who, a);
    zk_assert(l != NULL || a->link == 0 || a->kind == ZAB_DO_CONNECT);
    if (a->kind == ZAB_DO_NOTIFY)
        notify(s, who, a);
    else if (a->kind == ZAB_DO_CONNECT)
        stage_connect(s, who, a);
    else if (a->kind == ZAB_DO_SEND)
        (void)stage_send_packet(s, l, side, &a->packet);
    else if (a->kind == ZAB_DO_CLOSE)
        stage_close_link(s, l, side);
    else if (a->kind == ZAB_DO_FEED)
        stage_feed_begin(s, who, a);
    else if (a->kind == ZAB_DO_ANSWER_PING)
        (void)stage_send_bare(s, l, side, ZAB_PING, a->zxid);
    else
        carry_out_disk(s, who, a);
    if (a->kind == ZAB_DO_COMMIT || a->kind == ZAB_DO_APPEND)
        stage_feed_all(s, who);
}

void stage_step(struct stage *s, int who, struct zab_event ev)
{
    ev.now_ms = s->now_ms;
    struct stage_server *me = &s->servers[who];
    struct zab_actions actions = zab_step(me->z, &ev);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(s, who, &actions.at[i]);
    stage_check(s);
}

void stage_check(const struct stage *s)
{
    for (int i = 0; i < s->count; i++)
        for (int j = 0; j < i; j++) {
            const struct stage_server *a = &s->servers[i], *b = &s->servers[j];
            size_t n = stage_log_after(&a->log, a->applied);
            size_t m = stage_log_after(&b->log, b->applied);

            if (a->is_up && b->is_up && zab_phase(a->z) == ZAB_BROADCAST &&
                zab_phase(b->z) == ZAB_BROADCAST)
                for (size_t k = 0; k < n && k < m; k++)
                    zk_assert(a->log.at[k] == b->log.at[k]);
        }
}
