#include "tests/sim/scenario_stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/print.h"

struct stage_post {
    struct stage_post *next;
    int from, to;
    zab_link link; /* 0: a notification. */
    enum { POST_NOTIFICATION, POST_LINK_UP, POST_LINK_DOWN, POST_PACKET } kind;
    struct zab_notification notification;
    struct zab_packet packet;
    struct bytes bytes;        /* Of either. */
    struct stage_log *history; /* Behind SNAP. */
};

void stage_init(struct stage *s)
{
    *s = (struct stage){ .history = 500,
                         .conf = { .tick_ms = 2000,
                                   .init_limit = 10,
                                   .sync_limit = 5,
                                   .proposals_max = 100,
                                   .resend_min_ms = 200,
                                   .resend_max_ms = 60000,
                                   .finalize_ms = 200,
                                   .max_wait_for_epoch_ms = -1,
                                   .zabd_hints = true } };
}

static void post_free(struct stage_post *p)
{
    bytes_done(&p->bytes);
    free(p->history);
    free(p);
}

void stage_done(struct stage *s)
{
    for (struct stage_post *p = s->first, *next; p != NULL; p = next) {
        next = p->next;
        post_free(p);
    }
    for (int i = 0; i < s->count; i++) {
        s->servers[i].z = zab_free(s->servers[i].z);
        zab_config_unref(s->servers[i].cur);
        zab_config_unref(s->servers[i].seen);
    }
    for (size_t i = 0; i < s->config_count; i++)
        zab_config_unref(s->configs[i]);
    bytes_done(&s->out);
}

int stage_find(const struct stage *s, zk_sid sid)
{
    for (int i = 0; i < s->count; i++)
        if (s->servers[i].sid == sid)
            return i;
    return -1;
}

/* ---- Links and what is under way on them. */

static struct stage_link *find_link(struct stage *s, int who, zab_link name, int *ret_side)
{
    for (int i = s->link_count; i-- > 0;)
        for (int side = 0; side < 2; side++)
            if (s->links[i].end[side] == who && s->links[i].name[side] == name) {
                *ret_side = side;
                return &s->links[i];
            }
    return NULL;
}

static struct stage_post *post(struct stage *s, int from, int to)
{
    struct stage_post *p = zk_xcalloc(1, sizeof *p);

    p->from = from;
    p->to = to;
    if (s->last == NULL)
        s->first = p;
    else
        s->last->next = p;
    s->last = p;
    return p;
}

static struct jute_bytes keep(struct stage_post *p, struct jute_bytes from)
{
    if (from.len > 0)
        bytes_put(&p->bytes, from.at, (size_t)from.len);
    return (struct jute_bytes){ .at = p->bytes.at, .len = from.len };
}

struct view {
    struct stage *s;
    int who;
};

static zk_sid peer_of(void *ctx, zab_link link)
{
    struct view *v = ctx;
    int side = 0;
    const struct stage_link *l = find_link(v->s, v->who, link, &side);

    return l != NULL ? v->s->servers[l->end[1 - side]].sid : INT64_MIN;
}

static void say_packet(struct stage *s, int from, int to, const struct zab_packet *p)
{
    if (s->is_quiet || (p->type == ZAB_PING && !s->shows_pings))
        return;
    bytes_printf(&s->out, "%" PRId64 " -> %" PRId64 " ", s->servers[from].sid, s->servers[to].sid);
    zab_print_packet(p, &s->out);
    bytes_printf(&s->out, "\n");
}

static struct stage_post *send_packet(struct stage *s, struct stage_link *l, int side,
                                      const struct zab_packet *packet)
{
    zk_assert(l != NULL);
    if (!l->is_open[side] || s->is_cut[l->end[0]][l->end[1]])
        return NULL;
    say_packet(s, l->end[side], l->end[1 - side], packet);
    struct stage_post *p = post(s, l->end[side], l->end[1 - side]);
    p->kind = POST_PACKET;
    p->link = l->name[1 - side];
    p->packet = *packet;
    p->packet.data = keep(p, packet->data);
    return p;
}

static struct stage_post *send_bare(struct stage *s, struct stage_link *l, int side, int32_t type,
                                    zk_zxid zxid)
{
    struct zab_packet p = {
        .type = type, .zxid = zxid, .data = { .len = -1 }, .authinfo = { .count = -1 }
    };

    return send_packet(s, l, side, &p);
}

static void close_link(struct stage *s, struct stage_link *l, int side)
{
    zk_assert(l != NULL);
    if (!l->is_open[side])
        return;
    l->is_open[side] = false;
    if (l->is_open[1 - side]) {
        l->feed.is_on = false;
        struct stage_post *p = post(s, l->end[side], l->end[1 - side]);
        p->kind = POST_LINK_DOWN;
        p->link = l->name[1 - side];
    }
}

static struct stage_link *new_link(struct stage *s)
{
    size_t dead = 0;

    if (s->link_count < STAGE_LINKS)
        return &s->links[s->link_count++];
    /* Nothing is under way on a link that both have closed, or it doesn't matter. */
    while (dead < STAGE_LINKS && (s->links[dead].is_open[0] || s->links[dead].is_open[1]))
        dead++;
    zk_assert(dead < STAGE_LINKS);
    memmove(&s->links[dead], &s->links[dead + 1], (STAGE_LINKS - dead - 1) * sizeof s->links[dead]);
    return &s->links[STAGE_LINKS - 1];
}

static void connect_link(struct stage *s, int from, const struct zab_action *a)
{
    int to = stage_find(s, a->peer);
    struct stage_post *p;

    struct stage_link *l = new_link(s);
    *l = (struct stage_link){ .name = { a->link, ++s->next_link }, .end = { from, to } };
    p = post(s, to, from);
    p->link = a->link;
    if (to < 0 || !s->servers[to].is_up || s->is_cut[from][to]) {
        p->from = from; /* Nobody's: it was refused. */
        p->kind = POST_LINK_DOWN;
        return;
    }
    p->kind = POST_LINK_UP;
    l->is_open[0] = l->is_open[1] = true;
}

/* ---- Logs. */

static void log_add(struct stage_log *l, zk_zxid zxid)
{
    zk_assert(l->count < STAGE_LOG);
    l->at[l->count++] = zxid;
}

static zk_zxid log_end(const struct stage_log *l, size_t count)
{
    return count > 0 ? l->at[count - 1] : 0;
}

/* Index of the first one beyond zxid. */
static size_t log_after(const struct stage_log *l, zk_zxid zxid)
{
    size_t i = l->count;

    while (i > 0 && l->at[i - 1] > zxid)
        i--;
    return i;
}

static void log_cut(struct stage_log *l, zk_zxid zxid)
{
    l->count = log_after(l, zxid);
}

static void say_event(struct stage *s, int who, const struct zab_event *ev)
{
    struct zab_printer p = { .self = s->servers[who].sid };

    if (s->is_quiet)
        return;
    zab_print_event(&p, ev, &s->out);
    bytes_printf(&s->out, "\n");
}

/* What happened to a server, which is worth a line. */
static void happen(struct stage *s, int who, struct zab_event ev)
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
        happen(s, who, (struct zab_event){ .kind = ZAB_EV_SNAPSHOT_SAVED });
    }
    if (me->durable < me->log.count) {
        me->durable = me->log.count;
        happen(
            s, who,
            (struct zab_event){ .kind = ZAB_EV_LOGGED, .zxid = log_end(&me->log, me->log.count) });
    }
}

/* ---- What a leader sends to its learners. */

struct history {
    const struct stage_log *log;
    zk_zxid end;
    size_t first; /* Index. */
};

static zk_zxid before(void *ctx, zk_zxid zxid)
{
    const struct history *h = ctx;
    size_t i = log_after(h->log, zxid - 1);

    return i > h->first ? h->log->at[i - 1] : 0;
}

static zk_zxid from(void *ctx, zk_zxid zxid)
{
    const struct history *h = ctx;
    size_t i = log_after(h->log, zxid - 1);

    return i < h->log->count && h->log->at[i] <= h->end ? h->log->at[i] : 0;
}

static struct zab_plan plan(const struct stage *s, const struct stage_server *me,
                            const struct zab_action *a, zk_zxid end)
{
    struct history ctx = { .log = &me->log, .end = end };
    size_t count = log_after(&me->log, end);
    struct zab_history h = { .last = me->applied, .before = before, .from = from, .ctx = &ctx };

    ctx.first = count > s->history ? count - s->history : 0;
    h.min = ctx.first < count ? me->log.at[ctx.first] : h.last;
    h.max = ctx.first < count ? end : h.last;
    return zab_plan(&h, a->zxid, a->wants_snapshot);
}

/* The configuration that this txn carries: its number, or -1. */
static int config_of(const struct stage *s, zk_zxid zxid)
{
    for (size_t i = 0; i < s->config_count; i++)
        if (s->configs[i]->version == zxid)
            return (int)i;
    return -1;
}

static void send_commit(struct stage *s, struct stage_link *l, zk_zxid zxid)
{
    int config = config_of(s, zxid);
    uint8_t data[8];
    struct zab_packet p = { .type = l->feed.is_observer ? ZAB_INFORM : ZAB_COMMIT,
                            .zxid = zxid,
                            .data = { .len = -1 },
                            .authinfo = { .count = -1 } };

    if (config >= 0 && s->designated[config] != INT64_MIN) {
        p.type = l->feed.is_observer ? ZAB_INFORMANDACTIVATE : ZAB_COMMITANDACTIVATE;
        (void)jute_store64(data, (uint64_t)s->designated[config]);
        p.data = (struct jute_bytes){ .at = data, .len = sizeof data };
    }
    (void)send_packet(s, l, 1, &p);
}

static void feed_more(struct stage *s, struct stage_link *l)
{
    const struct stage_server *me = &s->servers[l->end[1]];
    struct stage_feed *f = &l->feed;

    for (size_t i = log_after(&me->log, f->proposed); i < me->log.count && !f->is_observer; i++) {
        send_bare(s, l, 1, ZAB_PROPOSAL, me->log.at[i]);
        f->proposed = me->log.at[i];
    }
    for (size_t i = log_after(&me->log, f->committed);
         i < me->log.count && me->log.at[i] <= me->applied; i++) {
        send_commit(s, l, me->log.at[i]);
        f->committed = me->log.at[i];
    }
}

static void begin_feed(struct stage *s, int who, const struct zab_action *a)
{
    struct stage_server *me = &s->servers[who];
    int side = 0;
    struct stage_link *l = find_link(s, who, a->link, &side);
    zk_zxid end = me->applied > a->history ? me->applied : a->history;
    struct zab_plan p = plan(s, me, a, end);
    int32_t type = p.how == ZAB_PLAN_DIFF    ? ZAB_DIFF
                   : p.how == ZAB_PLAN_TRUNC ? ZAB_TRUNC
                                             : ZAB_SNAP;

    struct stage_post *sent = send_bare(s, l, 1, type, p.zxid);
    if (sent != NULL && type == ZAB_SNAP) {
        sent->history = zk_xmalloc(sizeof *sent->history);
        *sent->history = me->log;
        log_cut(sent->history, p.zxid);
    }
    for (size_t i = log_after(&me->log, p.after); i < me->log.count && me->log.at[i] <= end; i++) {
        send_bare(s, l, 1, ZAB_PROPOSAL, me->log.at[i]);
        send_bare(s, l, 1, ZAB_COMMIT, me->log.at[i]);
    }
    l->feed = (struct stage_feed){
        .is_on = true, .is_observer = a->is_observer, .proposed = end, .committed = end
    };
    feed_more(s, l);
}

static void feed_all(struct stage *s, int who)
{
    for (int i = 0; i < s->link_count; i++)
        if (s->links[i].end[1] == who && s->links[i].is_open[1] && s->links[i].feed.is_on)
            feed_more(s, &s->links[i]);
}

/* ---- Actions. */

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
    struct stage_post *p = post(s, who, to);
    p->kind = POST_NOTIFICATION;
    p->notification = a->notification;
    p->notification.config = keep(p, a->notification.config);
}

static void truncate_log(struct stage_server *me, const struct zab_action *a)
{
    log_cut(&me->log, a->zxid);
    me->held.count = 0;
    if (me->durable > me->log.count)
        me->durable = me->log.count;
    if (me->applied > a->zxid || a->is_reload)
        me->applied = log_end(&me->log, me->log.count);
}

/* What of the held ones is told to; or, on a leader, all that was submitted. */
static void append(struct stage_server *me, zk_zxid zxid)
{
    size_t i = 0;

    while (i < me->held.count && me->held.at[i] <= zxid)
        log_add(&me->log, me->held.at[i++]);
    me->held.count -= i;
    memmove(me->held.at, me->held.at + i, me->held.count * sizeof me->held.at[0]);
    while (zab_role(me->z) == ZAB_LEADING && log_end(&me->log, me->log.count) < zxid) {
        zk_zxid last = log_end(&me->log, me->log.count);
        log_add(&me->log,
                zxid_epoch(last) == zxid_epoch(zxid) ? last + 1 : zxid_make(zxid_epoch(zxid), 1));
    }
}

static void set_config(struct stage *s, struct stage_server *me, const struct zab_action *a)
{
    int config = config_of(s, a->zxid);

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
        log_add(&me->loaded, me->held.at[i++]);
    me->held.count -= i;
    memmove(me->held.at, me->held.at + i, me->held.count * sizeof me->held.at[0]);
    zk_assert(log_end(&me->loaded, me->loaded.count) == zxid);
    me->applied = zxid;
}

/* What is decided anywhere is the same everywhere, and stays so. */
static void commit(struct stage *s, struct stage_server *me, zk_zxid zxid)
{
    size_t count = log_after(&me->log, zxid);

    zk_assert(log_end(&me->log, count) == zxid);
    for (size_t i = 0; i < count; i++) {
        if (i == s->decided.count)
            log_add(&s->decided, me->log.at[i]);
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
        log_add(&me->held, a->zxid);
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
    struct stage_link *l = a->link != 0 ? find_link(s, who, a->link, &side) : NULL;

    say_action(s, who, a);
    zk_assert(l != NULL || a->link == 0 || a->kind == ZAB_DO_CONNECT);
    if (a->kind == ZAB_DO_NOTIFY)
        notify(s, who, a);
    else if (a->kind == ZAB_DO_CONNECT)
        connect_link(s, who, a);
    else if (a->kind == ZAB_DO_SEND)
        (void)send_packet(s, l, side, &a->packet);
    else if (a->kind == ZAB_DO_CLOSE)
        close_link(s, l, side);
    else if (a->kind == ZAB_DO_FEED)
        begin_feed(s, who, a);
    else if (a->kind == ZAB_DO_ANSWER_PING)
        (void)send_bare(s, l, side, ZAB_PING, a->zxid);
    else
        carry_out_disk(s, who, a);
    if (a->kind == ZAB_DO_COMMIT || a->kind == ZAB_DO_APPEND)
        feed_all(s, who);
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

/* ---- Servers come and go. */

void stage_add(struct stage *s, bool is_voter, bool is_java)
{
    zk_assert(s->count < STAGE_SERVERS);
    s->servers[s->count] = (struct stage_server){ .sid = s->count + 1,
                                                  .is_java = is_java,
                                                  .applied = is_voter ? 0 : -1 };
    s->count++;
}

void stage_configure(struct stage *s, zk_zxid version)
{
    struct bytes text = { 0 };
    struct zab_config *c;
    char why[ZAB_CONFIG_WHY_MAX];

    for (int i = 0; i < s->count; i++)
        bytes_printf(&text, "server.%d=h%d:2888:3888:%s;2181\n", i + 1, i + 1,
                     s->servers[i].applied == 0 ? "participant" : "observer");
    bytes_printf(&text, "version=%" PRIx64, (uint64_t)version);
    int r = zab_config_parse(&c, (const char *)text.at, text.len, &s->conf.rules, why);
    zk_assert(r == 0);
    bytes_done(&text);
    for (int i = 0; i < s->count; i++) {
        s->servers[i].applied = 0;
        s->servers[i].cur = zab_config_ref(c);
        s->servers[i].seen = zab_config_ref(c);
    }
    zab_config_unref(c);
}

static void reach(struct stage *s, int a, int b, bool is_up)
{
    struct zab_event ev = { .kind = is_up ? ZAB_EV_PEER_REACHABLE : ZAB_EV_PEER_GONE,
                            .peer = s->servers[b].sid };

    if (a != b && s->servers[a].is_up && !s->is_cut[a][b])
        stage_step(s, a, ev);
}

void stage_start(struct stage *s, int who)
{
    struct stage_server *me = &s->servers[who];
    struct zab_conf conf = s->conf;
    const struct zab_member *m = zab_config_find(me->cur, me->sid);
    struct zab_saved saved = { .logged = log_end(&me->log, me->log.count),
                               .accepted = me->accepted,
                               .current = me->current,
                               .config = me->cur,
                               .last_seen = me->seen };

    conf.self = me->sid;
    conf.is_observer = m != NULL && !m->is_voter;
    conf.zabd_hints = !me->is_java;
    int r = zab_new(&me->z, &conf, &saved);
    zk_assert(r == 0);
    me->is_up = true;
    me->applied = saved.logged;
    stage_step(s, who, (struct zab_event){ .kind = ZAB_EV_START });
    for (int i = 0; i < s->count; i++) {
        reach(s, i, who, true);
        if (s->servers[i].is_up)
            reach(s, who, i, true);
    }
}

void stage_crash(struct stage *s, int who)
{
    struct stage_server *me = &s->servers[who];

    me->is_up = false;
    me->z = zab_free(me->z);
    me->held.count = 0;
    me->is_snapshot_asked = me->is_slow = false;
    me->log.count = me->durable;
    for (int i = 0; i < s->link_count; i++)
        for (int side = 0; side < 2; side++)
            if (s->links[i].end[side] == who)
                close_link(s, &s->links[i], side);
    for (int i = 0; i < s->count; i++)
        reach(s, i, who, false);
}

void stage_submit(struct stage *s, int who, int count)
{
    struct stage_server *me = &s->servers[who];

    for (int i = 0; i < count; i++) {
        if (!zab_can_submit(me->z)) {
            bytes_printf(&s->out, "%" PRId64 " takes nothing\n", me->sid);
            return;
        }
        stage_step(s, who,
                   (struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zab_next_zxid(me->z) });
    }
}

static struct jute_bytes list(const char *text)
{
    return *text != '\0' ? jute_text(text) : (struct jute_bytes){ .len = -1 };
}

void stage_reconfig(struct stage *s, int who, const char *joining, const char *leaving)
{
    struct stage_server *me = &s->servers[who];
    zk_zxid zxid = zab_next_zxid(me->z);
    struct zab_config *c;
    char why[ZAB_CONFIG_WHY_MAX];

    if (zab_config_change(&c, zab_config_last_seen(me->z), list(joining), list(leaving), list(""),
                          zxid, &s->conf.rules, why) < 0) {
        bytes_printf(&s->out, "refused: %s\n", why);
        return;
    }
    zk_assert(s->config_count < STAGE_CONFIGS);
    s->designated[s->config_count] = INT64_MIN;
    s->configs[s->config_count++] = c;
    stage_step(s, who,
               (struct zab_event){ .kind = ZAB_EV_PROPOSED_CONFIG, .config = c, .zxid = zxid });
    stage_step(s, who, (struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid });
}

void stage_join(struct stage *s, bool is_voter)
{
    char line[64], why[ZAB_CONFIG_WHY_MAX];
    int leader = stage_leader(s);
    const struct stage_server *from_it = &s->servers[leader >= 0 ? leader : 0];

    stage_add(s, is_voter, false);
    struct stage_server *me = &s->servers[s->count - 1];
    me->applied = 0;
    (void)snprintf(line, sizeof line, "server.%d=h%d:2888:3888:%s;2181", s->count, s->count,
                   is_voter ? "participant" : "observer");
    int r = zab_config_change(&me->cur, from_it->cur, jute_text(line), list(""), list(""), 0,
                              &s->conf.rules, why);
    zk_assert(r == 0);
    me->seen = zab_config_ref(me->cur);
}

/* Both ends see it. What is under way arrives still. */
static void break_link(struct stage *s, struct stage_link *l)
{
    for (int side = 0; side < 2; side++)
        if (l->is_open[side]) {
            struct stage_post *p = post(s, l->end[1 - side], l->end[side]);
            p->kind = POST_LINK_DOWN;
            p->link = l->name[side];
        }
    l->feed.is_on = false;
}

void stage_cut(struct stage *s, int a, int b)
{
    if (s->is_cut[a][b])
        return;
    s->is_cut[a][b] = s->is_cut[b][a] = true;
    for (int i = 0; i < s->link_count; i++) {
        struct stage_link *l = &s->links[i];
        if ((l->end[0] == a && l->end[1] == b) || (l->end[0] == b && l->end[1] == a))
            break_link(s, l);
    }
}

void stage_heal(struct stage *s, int a, int b)
{
    s->is_cut[a][b] = s->is_cut[b][a] = false;
    s->is_muted[a][b] = s->is_muted[b][a] = false;
}

/* ---- Time. */

static void deliver_packet(struct stage *s, struct stage_post *p)
{
    struct zab_event ev = { .kind = ZAB_EV_PACKET, .link = p->link, .packet = &p->packet };
    struct stage_server *me = &s->servers[p->to];
    int config = config_of(s, p->packet.zxid);

    if (config >= 0 && (p->packet.type == ZAB_PROPOSAL || p->packet.type == ZAB_INFORM ||
                        p->packet.type == ZAB_INFORMANDACTIVATE))
        ev.config = s->configs[config];

    stage_step(s, p->to, ev);
    if (p->history != NULL && me->z != NULL) {
        me->loaded = *p->history;
        me->applied = p->packet.zxid;
        happen(s, p->to, (struct zab_event){ .kind = ZAB_EV_LOADED, .zxid = p->packet.zxid });
    }
}

static void deliver(struct stage *s, struct stage_post *p)
{
    struct zab_event ev = { .link = p->link };
    int side = 0;
    struct stage_link *l = find_link(s, p->to, p->link, &side);

    if (!s->servers[p->to].is_up || (p->link != 0 && l == NULL))
        return;
    switch (p->kind) {
    case POST_NOTIFICATION:
        ev.kind = ZAB_EV_NOTIFIED;
        ev.peer = s->servers[p->from].sid;
        ev.notification = &p->notification;
        if (!s->is_cut[p->from][p->to])
            stage_step(s, p->to, ev);
        break;
    case POST_LINK_UP:
        ev.kind = ZAB_EV_LINK_UP;
        if (l->is_open[side])
            stage_step(s, p->to, ev);
        break;
    case POST_LINK_DOWN:
        ev.kind = ZAB_EV_LINK_DOWN;
        if (l->is_open[side] || p->from == p->to)
            stage_step(s, p->to, ev);
        l->is_open[side] = false;
        break;
    case POST_PACKET:
        if (l->is_open[side])
            deliver_packet(s, p);
        break;
    }
}

/* The first that is not kept waiting, taken out. */
static struct stage_post *take(struct stage *s)
{
    struct stage_post *before_it = NULL;

    for (struct stage_post *p = s->first; p != NULL; before_it = p, p = p->next) {
        if (s->is_muted[p->from][p->to])
            continue;
        if (before_it == NULL)
            s->first = p->next;
        else
            before_it->next = p->next;
        if (s->last == p)
            s->last = before_it;
        return p;
    }
    return NULL;
}

void stage_settle(struct stage *s)
{
    bool is_moving = true;
    int moves = 0;

    while (is_moving) {
        is_moving = false;
        for (struct stage_post *p = take(s); p != NULL; p = take(s)) {
            deliver(s, p);
            zk_assert(++moves < 100000); /* They talk in circles. */
            post_free(p);
            is_moving = true;
        }
        for (int i = 0; i < s->count; i++) {
            struct stage_server *me = &s->servers[i];
            if (me->is_up && !me->is_slow &&
                (me->durable < me->log.count || me->is_snapshot_asked)) {
                stage_flush(s, i);
                is_moving = true;
            }
        }
    }
}

static int64_t next_deadline(const struct stage *s, int *ret_who)
{
    int64_t at = INT64_MAX;

    for (int i = 0; i < s->count; i++)
        if (s->servers[i].is_up && zab_deadline(s->servers[i].z) < at) {
            at = zab_deadline(s->servers[i].z);
            *ret_who = i;
        }
    return at;
}

void stage_run(struct stage *s, int64_t ms)
{
    int64_t end = s->now_ms + ms;
    int who = 0;

    stage_settle(s);
    for (int64_t at = next_deadline(s, &who); at <= end; at = next_deadline(s, &who)) {
        if (at > s->now_ms)
            s->now_ms = at;
        stage_step(s, who, (struct zab_event){ .kind = ZAB_EV_TIME });
        stage_settle(s);
    }
    s->now_ms = end;
}

int stage_leader(const struct stage *s)
{
    int best = -1;

    for (int i = 0; i < s->count; i++)
        if (s->servers[i].is_up && zab_role(s->servers[i].z) == ZAB_LEADING &&
            zab_phase(s->servers[i].z) == ZAB_BROADCAST &&
            (best < 0 || zab_epoch(s->servers[i].z) > zab_epoch(s->servers[best].z)))
            best = i;
    return best;
}

static bool is_settled(const struct stage *s)
{
    int leader = stage_leader(s);

    if (leader < 0)
        return false;
    for (int i = 0; i < s->count; i++)
        if (s->servers[i].is_up && !s->is_cut[i][leader] &&
            (zab_phase(s->servers[i].z) != ZAB_BROADCAST ||
             zab_leader(s->servers[i].z) != s->servers[leader].sid))
            return false;
    return true;
}

bool stage_run_until_leader(struct stage *s)
{
    stage_settle(s);
    for (int i = 0; i < 6000 && !is_settled(s); i++)
        stage_run(s, 10);
    return is_settled(s);
}

void stage_check(const struct stage *s)
{
    for (int i = 0; i < s->count; i++)
        for (int j = 0; j < i; j++) {
            const struct stage_server *a = &s->servers[i], *b = &s->servers[j];
            size_t n = log_after(&a->log, a->applied), m = log_after(&b->log, b->applied);

            if (a->is_up && b->is_up && zab_phase(a->z) == ZAB_BROADCAST &&
                zab_phase(b->z) == ZAB_BROADCAST)
                for (size_t k = 0; k < n && k < m; k++)
                    zk_assert(a->log.at[k] == b->log.at[k]);
        }
}
