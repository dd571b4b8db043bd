/* The election ports: between two servers at most one connection, on it notifications in
 * order; of those that have not left yet only the newest is kept. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/net.h"
#include "util/check.h"

enum { CALL_TIMEOUT_US = 3000000 };

/* From one server to another. */
struct lane {
    struct bytes waiting; /* The newest; empty: none. */
    struct bytes *queue;  /* On its way. */
    int64_t *at_us;
    size_t count, cap;
    int64_t last_us;
    bool is_stalled;
};

/* Between two; [low][high]. */
struct pair {
    bool is_up;
    uint64_t serial; /* Of the connection; 0: there never was one. */
    uint32_t lives[2];
    bool is_calling[2]; /* [0]: the lower index calls. */
};

struct mesh {
    struct lane lanes[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
    struct pair pairs[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
};

struct mesh *mesh_new(void)
{
    return zk_xcalloc(1, sizeof(struct mesh));
}

static void lane_clear(struct lane *l)
{
    for (size_t i = 0; i < l->count; i++)
        bytes_done(&l->queue[i]);
    l->count = 0;
    l->is_stalled = false;
}

struct mesh *mesh_free(struct mesh *m)
{
    for (size_t i = 0; m != NULL && i < SIM_MEMBERS_MAX; i++)
        for (size_t k = 0; k < SIM_MEMBERS_MAX; k++) {
            struct lane *l = &m->lanes[i][k];

            lane_clear(l);
            bytes_done(&l->waiting);
            free(l->queue);
            free(l->at_us);
        }
    free(m);
    return NULL;
}

static struct pair *pair_of(struct sim *s, size_t a, size_t b)
{
    return a < b ? &s->mesh->pairs[a][b] : &s->mesh->pairs[b][a];
}

static bool is_cut(const struct sim *s, size_t a, size_t b)
{
    return net_is_cut(s, a, b) || net_is_cut(s, b, a);
}

static void tell(struct sim *s, size_t whom, size_t peer, bool is_reachable)
{
    struct inbox_item item = { .kind = is_reachable ? IN_REACHABLE : IN_UNREACHABLE,
                               .peer = s->members[peer]->sid };

    if (s->members[whom]->is_up)
        member_push(s->members[whom], &item);
}

/* ---- What flies. */

static void on_arrival(struct sim *s, const struct sim_event *ev);

static void await_arrival(struct sim *s, size_t from, size_t to)
{
    const struct lane *l = &s->mesh->lanes[from][to];

    if (l->count > 0 && !l->is_stalled)
        sim_at(s, l->at_us[0] - s->now_us, on_arrival, from, to, NULL);
}

static void on_arrival(struct sim *s, const struct sim_event *ev)
{
    size_t from = (size_t)ev->a;
    size_t to = (size_t)ev->b;
    struct lane *l = &s->mesh->lanes[from][to];

    if (l->count == 0 || l->is_stalled || l->at_us[0] > s->now_us)
        return;
    if (net_is_cut(s, from, to)) {
        l->is_stalled = true;
        return;
    }

    struct inbox_item item = { .kind = IN_NOTIFIED,
                               .peer = s->members[from]->sid,
                               .data = l->queue[0] };

    l->count--;
    memmove(l->queue, l->queue + 1, l->count * sizeof *l->queue);
    memmove(l->at_us, l->at_us + 1, l->count * sizeof *l->at_us);
    await_arrival(s, from, to);
    if (s->members[to]->is_up)
        member_push(s->members[to], &item);
    else
        bytes_done(&item.data);
}

/* What waits leaves. */
static void lane_flush(struct sim *s, size_t from, size_t to)
{
    struct lane *l = &s->mesh->lanes[from][to];

    if (l->waiting.len == 0)
        return;
    if (l->count == l->cap) {
        l->cap = l->cap * 2 + 4;
        l->queue = zk_xrealloc(l->queue, l->cap * sizeof *l->queue);
        l->at_us = zk_xrealloc(l->at_us, l->cap * sizeof *l->at_us);
    }

    int64_t at = s->now_us + net_delay(s, from, to);

    if (at < l->last_us)
        at = l->last_us;
    l->last_us = at;
    l->at_us[l->count] = at;
    l->queue[l->count++] = l->waiting;
    l->waiting = (struct bytes){ 0 };
    if (l->count == 1)
        await_arrival(s, from, to);
}

/* ---- Connections. */

static void pair_down(struct sim *s, size_t a, size_t b)
{
    pair_of(s, a, b)->is_up = false;
    lane_clear(&s->mesh->lanes[a][b]);
    lane_clear(&s->mesh->lanes[b][a]);
}

static void call(struct sim *s, size_t from, size_t to);

/* The other side of a connection that ended calls again at once. */
static void on_lost(struct sim *s, const struct sim_event *ev)
{
    size_t who = (size_t)ev->a;
    size_t peer = (size_t)ev->b;

    if (s->members[who]->is_up && !pair_of(s, who, peer)->is_up)
        call(s, who, peer);
}

static void on_called(struct sim *s, const struct sim_event *ev)
{
    size_t from = (size_t)ev->a;
    size_t to = (size_t)ev->b;
    struct pair *p = pair_of(s, from, to);
    const struct member *caller = s->members[from];
    const struct member *callee = s->members[to];

    p->is_calling[from < to ? 0 : 1] = false;
    if (!caller->is_up || p->is_up)
        return;
    if (is_cut(s, from, to) || !callee->is_host_up)
        return; /* Nothing comes back; it is tried again with the next notification. */
    if (!callee->is_up) {
        tell(s, from, to, false);
        return;
    }
    p->is_up = true;
    p->serial++;
    p->lives[from < to ? 0 : 1] = caller->life;
    p->lives[from < to ? 1 : 0] = callee->life;
    tell(s, from, to, true);
    tell(s, to, from, true);
    lane_flush(s, from, to);
    lane_flush(s, to, from);
}

static void call(struct sim *s, size_t from, size_t to)
{
    struct pair *p = pair_of(s, from, to);
    bool *is_calling = &p->is_calling[from < to ? 0 : 1];
    bool hangs = is_cut(s, from, to) || !s->members[to]->is_host_up;

    if (p->is_up || *is_calling)
        return;
    *is_calling = true;
    sim_at(s, hangs ? CALL_TIMEOUT_US : 2 * net_delay(s, from, to), on_called, from, to, NULL);
}

void mesh_call(struct member *n, size_t to)
{
    call(n->sim, n->index, to);
}

void mesh_notify(struct member *n, size_t to, const uint8_t *frame, size_t len)
{
    struct lane *l = &n->sim->mesh->lanes[n->index][to];

    l->waiting.len = 0;
    bytes_put(&l->waiting, frame, len);
    call(n->sim, n->index, to);
}

void mesh_turn_end(struct member *n)
{
    for (size_t to = 0; to < n->sim->member_count; to++)
        if (to != n->index && pair_of(n->sim, n->index, to)->is_up)
            lane_flush(n->sim, n->index, to);
}

void mesh_died(struct member *n)
{
    struct sim *s = n->sim;

    for (size_t peer = 0; peer < s->member_count; peer++) {
        struct lane *l = &s->mesh->lanes[n->index][peer];

        l->waiting.len = 0;
        if (peer == n->index || !pair_of(s, n->index, peer)->is_up)
            continue;
        if (!n->is_host_up) {
            lane_clear(l);
            continue; /* The connection looks as if it were up. */
        }
        pair_down(s, n->index, peer);
        /* Behind a cut the end of the connection is not seen either. */
        if (!is_cut(s, n->index, peer))
            sim_at(s, net_delay(s, n->index, peer), on_lost, peer, n->index, NULL);
    }
}

void mesh_host_up(struct member *n)
{
    struct sim *s = n->sim;

    for (size_t peer = 0; peer < s->member_count; peer++)
        if (peer != n->index && pair_of(s, n->index, peer)->is_up) {
            pair_down(s, n->index, peer);
            sim_at(s, net_delay(s, n->index, peer), on_lost, peer, n->index, NULL);
        }
}

static void lane_heal(struct sim *s, size_t from, size_t to)
{
    struct lane *l = &s->mesh->lanes[from][to];

    if (!l->is_stalled)
        return;
    l->is_stalled = false;
    l->at_us[0] = s->now_us + sim_between(s, 0, 200 * SIM_MS);
    for (size_t k = 1; k < l->count; k++)
        if (l->at_us[k] < l->at_us[0])
            l->at_us[k] = l->at_us[0];
    if (l->last_us < l->at_us[0])
        l->last_us = l->at_us[0];
    await_arrival(s, from, to);
}

void mesh_healed(struct sim *s)
{
    for (size_t a = 0; a < s->member_count; a++)
        for (size_t b = 0; b < s->member_count; b++)
            lane_heal(s, a, b);
}

void mesh_break_one(struct sim *s)
{
    size_t a = (size_t)sim_below(s, s->member_count);
    size_t b = (size_t)sim_below(s, s->member_count);

    if (a == b || !pair_of(s, a, b)->is_up)
        return;
    pair_down(s, a, b);
    sim_at(s, net_delay(s, a, b), on_lost, a, b, NULL);
    sim_at(s, net_delay(s, b, a), on_lost, b, a, NULL);
}
