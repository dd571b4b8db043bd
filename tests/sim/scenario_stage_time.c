#include "tests/sim/scenario_stage_impl.h"

#include "util/check.h"

static void deliver_packet(struct stage *s, struct stage_post *p)
{
    struct zab_event ev = { .kind = ZAB_EV_PACKET, .link = p->link, .packet = &p->packet };
    struct stage_server *me = &s->servers[p->to];
    int config = stage_config_of(s, p->packet.zxid);

    if (config >= 0 && (p->packet.type == ZAB_PROPOSAL || p->packet.type == ZAB_INFORM ||
                        p->packet.type == ZAB_INFORMANDACTIVATE))
        ev.config = s->configs[config];

    stage_step(s, p->to, ev);
    if (p->history != NULL && me->z != NULL) {
        me->loaded = *p->history;
        me->applied = p->packet.zxid;
        stage_happen(s, p->to, (struct zab_event){ .kind = ZAB_EV_LOADED, .zxid = p->packet.zxid });
    }
}

static void deliver(struct stage *s, struct stage_post *p)
{
    struct zab_event ev = { .link = p->link };
    int side = 0;
    struct stage_link *l = stage_find_link(s, p->to, p->link, &side);

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
            stage_post_free(p);
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
