/* Who waits for a quorum's word that we lead still, and for a txn to be applied (sync, linearizable
 * reads; ZOOKEEPER-1675). They are answered in the order in which they came. On a learner: who
 * waits for SYNC. */
#include <stdlib.h>

#include "server/ensemble/ensemble_impl.h"
#include "server/ensemble/feed.h"
#include "util/check.h"

static struct barrier *first(struct ensemble *e)
{
    return &e->barriers[e->barrier_first];
}

static void pop(struct ensemble *e)
{
    e->barrier_first = (e->barrier_first + 1) % e->barrier_cap;
    e->barrier_count--;
}

void barrier_add(struct ensemble *e, const struct barrier *b)
{
    if (e->barrier_count == e->barrier_cap) {
        size_t cap = e->barrier_cap * 2 + 16;
        struct barrier *grown = zk_xmalloc(cap * sizeof *grown);

        for (size_t i = 0; i < e->barrier_count; i++)
            grown[i] = e->barriers[(e->barrier_first + i) % e->barrier_cap];
        free(e->barriers);
        e->barriers = grown;
        e->barrier_first = 0;
        e->barrier_cap = cap;
    }
    e->barriers[(e->barrier_first + e->barrier_count++) % e->barrier_cap] = *b;
}

static void answer(struct ensemble *e, const struct barrier *b, bool is_refused)
{
    if (b->session != 0) {
        if (!is_refused)
            session_answer(e, b);
    } else if (b->ticket != 0) {
        e->host.synced(e->host.ctx, b->ticket, is_refused);
    } else if (b->link != 0 && !is_refused) {
        feed_send_sync(e, b->link, b->zxid);
    }
}

zk_zxid barrier_owed(const struct ensemble *e, zab_link link)
{
    for (size_t i = 0; i < e->barrier_count; i++) {
        const struct barrier *b = &e->barriers[(e->barrier_first + i) % e->barrier_cap];
        if (b->ticket == 0 && b->session == 0 && b->link == link)
            return b->zxid;
    }
    return INT64_MAX;
}

static bool may_be_answered(const struct ensemble *e, const struct barrier *b)
{
    bool is_said = e->role == ZAB_LEADING ? b->confirm <= e->confirmed : b->has_sync;

    return is_said && b->zxid <= order_last_applied(e->order);
}

void barriers_look(struct ensemble *e)
{
    while (e->barrier_count > 0 && e->role != ZAB_LOOKING) {
        struct barrier b = *first(e);

        if (!may_be_answered(e, &b))
            return;
        pop(e);
        answer(e, &b, false);
    }
}

void barriers_forget(struct ensemble *e, zab_link link)
{
    for (size_t i = 0; i < e->barrier_count; i++) {
        struct barrier *b = &e->barriers[(e->barrier_first + i) % e->barrier_cap];
        if (b->ticket == 0 && b->link == link) {
            b->link = 0;
            b->session = 0;
        }
    }
}

void barriers_refuse(struct ensemble *e)
{
    while (e->barrier_count > 0) {
        struct barrier b = *first(e);

        pop(e);
        answer(e, &b, true);
    }
    e->read_ticket = 0;
}

/* SYNC came: behind every COMMIT that the leader sent before it, some of which may wait for our own
 * log still. */
void barrier_answered(struct ensemble *e, zk_zxid zxid)
{
    zk_zxid told = zab_told(e->zab);

    for (size_t i = 0; i < e->barrier_count; i++) {
        struct barrier *b = &e->barriers[(e->barrier_first + i) % e->barrier_cap];

        if (b->has_sync)
            continue;
        b->has_sync = true;
        b->zxid = zxid > 0 && zxid < told ? zxid : told;
        break;
    }
    barriers_look(e);
}

/* ---- The request floor's. */

/* A learner asks its leader, who answers in order. */
static uint64_t ask_leader(struct ensemble *e, const struct write_request *req)
{
    struct barrier b = { .ticket = ++e->last_ticket };

    forward_write(e, req);
    barrier_add(e, &b);
    return b.ticket;
}

static uint64_t ask_quorum(struct ensemble *e, zk_zxid zxid)
{
    struct barrier b = { .confirm = zab_confirm(e->zab), .zxid = zxid };

    if (b.confirm == 0)
        return 0;
    e->wants_pings = true;
    b.ticket = ++e->last_ticket;
    barrier_add(e, &b);
    return b.ticket;
}

uint64_t ensemble_sync(struct ensemble *e, const struct write_request *req)
{
    if (e->conf.zab.is_alone)
        return 0;
    if (e->role != ZAB_LEADING)
        return ask_leader(e, req);
    return ask_quorum(e, order_end(e));
}

uint64_t ensemble_read_index(struct ensemble *e)
{
    /* Of no session: the answer is the same whoever asks. */
    static const uint8_t root[] = { 0, 0, 0, 1, '/' };
    struct write_request req = { .op = ZK_OP_SYNC, .body = root, .len = sizeof root };

    if (e->conf.zab.is_alone)
        return 0;
    if (e->read_ticket == 0)
        /* What is decided is applied at once. */
        e->read_ticket = e->role == ZAB_LEADING ? ask_quorum(e, order_last_applied(e->order))
                                                : ask_leader(e, &req);
    return e->read_ticket;
}
