/* Who hears whom, and the byte streams between quorum ports. */
#include "tests/sim/net.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

enum {
    CONNECT_TIMEOUT_US = 5000000,
    SOCKET_BYTES = 2048, /* What a kernel takes, before something counts as unsent. */
};

enum segment_kind { SEG_CALL, SEG_ACCEPTED, SEG_REFUSED, SEG_DATA, SEG_END };

struct segment {
    enum segment_kind kind;
    int64_t at_us;
    struct bytes data;
};

/* One direction of a connection. */
struct way {
    struct bytes sending; /* Of this turn. */
    struct segment *queue;
    size_t count, cap;
    int64_t last_us; /* When the last of them arrives. */
    size_t flying;   /* Bytes in the queue. */
    bool is_stalled, was_full;
};

struct end {
    size_t member;
    uint32_t life;
    zab_link link;
    bool is_open; /* A process has it. */
    struct bytes received;
};

struct conn {
    uint64_t id;
    struct end ends[2]; /* [0] called. */
    struct way ways[2]; /* [i]: from end i. */
    bool is_up;         /* The caller knows. */
    struct conn *next;
};

struct sim_net {
    bool cut[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
    int64_t slow_us[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX];
    struct conn *conns;
    uint64_t next_id;
};

struct sim_net *net_new(struct sim *s)
{
    (void)s;
    return zk_xcalloc(1, sizeof(struct sim_net));
}

static void conn_free(struct conn *c)
{
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < c->ways[i].count; k++)
            bytes_done(&c->ways[i].queue[k].data);
        free(c->ways[i].queue);
        bytes_done(&c->ways[i].sending);
        bytes_done(&c->ends[i].received);
    }
    free(c);
}

struct sim_net *net_free(struct sim_net *net)
{
    while (net != NULL && net->conns != NULL) {
        struct conn *c = net->conns;

        net->conns = c->next;
        conn_free(c);
    }
    free(net);
    return NULL;
}

/* ---- Who hears whom. */

bool net_is_cut(const struct sim *s, size_t from, size_t to)
{
    return s->net->cut[from][to];
}

void net_cut(struct sim *s, size_t from, size_t to)
{
    s->net->cut[from][to] = true;
}

void net_slow(struct sim *s, size_t from, size_t to, int64_t us)
{
    s->net->slow_us[from][to] = us;
}

int64_t net_delay(struct sim *s, size_t from, size_t to)
{
    int64_t us = sim_between(s, 50, s->conf.delay_max_us);

    return us + s->net->slow_us[from][to];
}

/* ---- Segments. */

static struct conn *conn_by_id(const struct sim *s, uint64_t id)
{
    struct conn *c = s->net->conns;

    while (c != NULL && c->id != id)
        c = c->next;
    return c;
}

static void on_arrival(struct sim *s, const struct sim_event *ev);

static void await_arrival(struct sim *s, const struct conn *c, size_t way)
{
    const struct way *w = &c->ways[way];

    if (w->count > 0 && !w->is_stalled)
        sim_at(s, w->queue[0].at_us - s->now_us, on_arrival, c->id, way, NULL);
}

/* Takes over data. */
static void put_segment(struct sim *s, struct conn *c, size_t way, enum segment_kind kind,
                        struct bytes *data)
{
    struct way *w = &c->ways[way];
    int64_t at = s->now_us + net_delay(s, c->ends[way].member, c->ends[1 - way].member);

    if (at < w->last_us)
        at = w->last_us;
    w->last_us = at;
    if (w->count == w->cap) {
        w->cap = w->cap * 2 + 4;
        w->queue = zk_xrealloc(w->queue, w->cap * sizeof *w->queue);
    }
    w->queue[w->count++] = (struct segment){ .kind = kind, .at_us = at };
    if (data != NULL) {
        w->queue[w->count - 1].data = *data;
        w->flying += data->len;
        *data = (struct bytes){ 0 };
    }
    if (w->count == 1)
        await_arrival(s, c, way);
}

static void clear_way(struct way *w)
{
    for (size_t k = 0; k < w->count; k++)
        bytes_done(&w->queue[k].data);
    w->count = 0;
    w->flying = 0;
    w->sending.len = 0;
    w->is_stalled = false;
}

/* Nobody has it any more. */
static bool is_over(const struct conn *c)
{
    return !c->ends[0].is_open && !c->ends[1].is_open;
}

static void sweep(struct sim *s)
{
    struct conn **at = &s->net->conns;

    while (*at != NULL) {
        struct conn *c = *at;

        if (is_over(c)) {
            *at = c->next;
            conn_free(c);
        } else {
            at = &c->next;
        }
    }
}

static struct member *member_of(struct sim *s, const struct end *e)
{
    struct member *n = s->members[e->member];

    return n->is_up && n->life == e->life && e->is_open ? n : NULL;
}

static void push_link(struct member *n, enum inbox_kind kind, zab_link link)
{
    struct inbox_item item = { .kind = kind, .link = link };

    if (n != NULL)
        member_push(n, &item);
}

/* A kernel sees a call: the process may be stopped, it must only be there. */
static void on_call(struct sim *s, struct conn *c)
{
    struct member *n = s->members[c->ends[1].member];

    if (!n->is_host_up)
        return; /* Silence; the caller's patience ends. */
    if (!n->is_up) {
        put_segment(s, c, 1, SEG_REFUSED, NULL);
        return;
    }
    c->ends[1].life = n->life;
    /* It is the port that tells. */
    c->ends[1].link = n->next_link++ | (c->ends[0].link & ZAB_LINK_MASTER);
    c->ends[1].is_open = true;
    put_segment(s, c, 1, SEG_ACCEPTED, NULL);
}

static void on_data(struct sim *s, struct conn *c, size_t way, struct bytes *data)
{
    struct end *to = &c->ends[1 - way];
    struct way *w = &c->ways[way];
    struct member *n = member_of(s, to);

    if (n != NULL) {
        bytes_put(&to->received, data->at, data->len);
        push_link(n, IN_BYTES, to->link);
    }
    bytes_done(data);
    if (w->was_full && w->flying <= SOCKET_BYTES) {
        w->was_full = false;
        push_link(member_of(s, &c->ends[way]), IN_ROOM, c->ends[way].link);
    }
}

static void on_segment(struct sim *s, struct conn *c, size_t way, struct segment *seg)
{
    struct end *to = &c->ends[1 - way];
    struct member *n = member_of(s, to);

    switch (seg->kind) {
    case SEG_CALL:
        on_call(s, c);
        break;
    case SEG_ACCEPTED:
        c->is_up = true;
        push_link(n, IN_LINK_UP, to->link);
        break;
    case SEG_DATA:
        on_data(s, c, way, &seg->data);
        break;
    case SEG_REFUSED:
    case SEG_END:
        push_link(n, IN_LINK_DOWN, to->link);
        to->is_open = false;
        break;
    }
}

static void on_arrival(struct sim *s, const struct sim_event *ev)
{
    struct conn *c = conn_by_id(s, ev->a);
    size_t way = (size_t)ev->b;

    if (c == NULL || c->ways[way].count == 0 || c->ways[way].is_stalled)
        return;

    struct way *w = &c->ways[way];

    if (w->queue[0].at_us > s->now_us)
        return; /* It was healed meanwhile: another event stands for it. */
    if (net_is_cut(s, c->ends[way].member, c->ends[1 - way].member)) {
        w->is_stalled = true;
        return;
    }

    struct segment seg = w->queue[0];

    memmove(w->queue, w->queue + 1, (w->count - 1) * sizeof *w->queue);
    w->count--;
    w->flying -= seg.data.len;
    await_arrival(s, c, way);
    on_segment(s, c, way, &seg);
    bytes_done(&seg.data);
    sweep(s);
}

static void way_heal(struct sim *s, struct conn *c, size_t way)
{
    struct way *w = &c->ways[way];

    if (!w->is_stalled)
        return;
    w->is_stalled = false;
    /* When TCP happens to try again. */
    w->queue[0].at_us = s->now_us + sim_between(s, 0, 200 * SIM_MS);
    for (size_t k = 1; k < w->count; k++)
        if (w->queue[k].at_us < w->queue[0].at_us)
            w->queue[k].at_us = w->queue[0].at_us;
    if (w->last_us < w->queue[0].at_us)
        w->last_us = w->queue[0].at_us;
    await_arrival(s, c, way);
}

void net_heal(struct sim *s)
{
    memset(s->net->cut, 0, sizeof s->net->cut);
    memset(s->net->slow_us, 0, sizeof s->net->slow_us);
    for (struct conn *c = s->net->conns; c != NULL; c = c->next)
        for (size_t way = 0; way < 2; way++)
            way_heal(s, c, way);
    mesh_healed(s);
}

/* ---- What a member does with its links. */

static struct conn *conn_of(const struct member *n, zab_link link, size_t *ret_end)
{
    for (struct conn *c = n->sim->net->conns; c != NULL; c = c->next)
        for (size_t i = 0; i < 2; i++) {
            const struct end *e = &c->ends[i];

            if (e->is_open && e->member == n->index && e->life == n->life && e->link == link) {
                *ret_end = i;
                return c;
            }
        }
    return NULL;
}

static void on_connect_timeout(struct sim *s, const struct sim_event *ev)
{
    struct conn *c = conn_by_id(s, ev->a);

    if (c == NULL || c->is_up)
        return;
    push_link(member_of(s, &c->ends[0]), IN_LINK_DOWN, c->ends[0].link);
    c->ends[0].is_open = false;
    if (c->ends[1].is_open)
        put_segment(s, c, 0, SEG_END, NULL);
    sweep(s);
}

void net_connect(struct member *from, zab_link link, size_t to)
{
    struct sim *s = from->sim;
    struct conn *c = zk_xcalloc(1, sizeof *c);

    c->id = ++s->net->next_id;
    c->ends[0] =
        (struct end){ .member = from->index, .life = from->life, .link = link, .is_open = true };
    c->ends[1] = (struct end){ .member = to };
    c->next = s->net->conns;
    s->net->conns = c;
    put_segment(s, c, 0, SEG_CALL, NULL);
    sim_at(s, CONNECT_TIMEOUT_US, on_connect_timeout, c->id, 0, NULL);
}

void net_send(struct member *n, zab_link link, const uint8_t *at, size_t len)
{
    size_t i = 0;
    struct conn *c = conn_of(n, link, &i);

    if (c != NULL)
        bytes_put(&c->ways[i].sending, at, len);
}

size_t net_unsent(struct member *n, zab_link link)
{
    size_t i = 0;
    struct conn *c = conn_of(n, link, &i);

    if (c == NULL)
        return 0;

    struct way *w = &c->ways[i];
    size_t all = w->sending.len + w->flying;

    if (all > SOCKET_BYTES)
        w->was_full = true;
    return all > SOCKET_BYTES ? all - SOCKET_BYTES : 0;
}

static void flush(struct sim *s, struct conn *c, size_t way)
{
    struct way *w = &c->ways[way];

    if (w->sending.len == 0)
        return;

    struct bytes rest = w->sending;

    w->sending = (struct bytes){ 0 };
    if (rest.len > 1 && sim_chance(s, 100)) {
        /* In two pieces, anywhere. */
        size_t cut = 1 + (size_t)sim_below(s, rest.len - 1);
        struct bytes first = { 0 };

        bytes_put(&first, rest.at, cut);
        bytes_drop(&rest, cut);
        put_segment(s, c, way, SEG_DATA, &first);
    }
    put_segment(s, c, way, SEG_DATA, &rest);
}

void net_turn_end(struct member *n)
{
    for (struct conn *c = n->sim->net->conns; c != NULL; c = c->next)
        for (size_t i = 0; i < 2; i++)
            if (c->ends[i].member == n->index && c->ends[i].life == n->life && c->ends[i].is_open)
                flush(n->sim, c, i);
}

/* One process lets go of its end. */
static void let_go(struct sim *s, struct conn *c, size_t i)
{
    c->ends[i].is_open = false;
    bytes_done(&c->ends[i].received);
    clear_way(&c->ways[1 - i]);
    if (i == 0 && !c->is_up && !c->ends[1].is_open)
        clear_way(&c->ways[0]); /* It was not taken yet: the call is taken back. */
    else if (c->ends[1 - i].is_open)
        put_segment(s, c, i, SEG_END, NULL);
}

void net_close(struct member *n, zab_link link)
{
    size_t i = 0;
    struct conn *c = conn_of(n, link, &i);

    if (c == NULL)
        return;
    flush(n->sim, c, i);
    let_go(n->sim, c, i);
    sweep(n->sim);
}

struct bytes *net_received(struct member *n, zab_link link)
{
    size_t i = 0;
    struct conn *c = conn_of(n, link, &i);

    return c != NULL ? &c->ends[i].received : NULL;
}

void net_break_one(struct sim *s)
{
    size_t count = 0;

    for (const struct conn *c = s->net->conns; c != NULL; c = c->next)
        count += c->is_up ? 1 : 0;
    if (count == 0)
        return;

    size_t pick = (size_t)sim_below(s, count);

    for (struct conn *c = s->net->conns; c != NULL; c = c->next)
        if (c->is_up && pick-- == 0) {
            for (size_t i = 0; i < 2; i++) {
                clear_way(&c->ways[i]);
                push_link(member_of(s, &c->ends[i]), IN_LINK_DOWN, c->ends[i].link);
                c->ends[i].is_open = false;
            }
            break;
        }
    sweep(s);
}

void net_died(struct member *n)
{
    struct sim *s = n->sim;

    for (struct conn *c = s->net->conns; c != NULL; c = c->next)
        for (size_t i = 0; i < 2; i++) {
            struct end *e = &c->ends[i];

            if (!e->is_open || e->member != n->index)
                continue;
            c->ways[i].sending.len = 0; /* What did not reach the kernel. */
            if (n->is_host_up)
                let_go(s, c, i);
            /* Without power nobody says goodbye: see net_host_up(). */
        }
    sweep(s);
}

void net_host_up(struct member *n)
{
    struct sim *s = n->sim;

    for (struct conn *c = s->net->conns; c != NULL; c = c->next)
        for (size_t i = 0; i < 2; i++)
            if (c->ends[i].is_open && c->ends[i].member == n->index && c->ends[i].life != n->life)
                let_go(s, c, i);
    sweep(s);
}
