/* A follower that serves observers, which come to its observerMasterPort (quorum-protocol 4.10). To
 * them it is what a leader is, in the epoch that it follows, but for this: there is nothing to be
 * agreed upon. What it tells them is decided, and in its own log.
 *
 * It serves while it is served itself. When it leaves its leader, its observers go to others. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/core.h"

/* ---- Links. */

static struct learner *find(struct zab *z, zab_link link)
{
    for (size_t i = 0; i < z->master.count; i++)
        if (z->master.at[i].link == link)
            return &z->master.at[i];
    return NULL;
}

static struct learner *find_sid(struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->master.count; i++)
        if (z->master.at[i].sid == sid)
            return &z->master.at[i];
    return NULL;
}

static void forget(struct zab *z, struct learner *l)
{
    size_t index = (size_t)(l - z->master.at);

    z->master.count--;
    memmove(l, l + 1, (z->master.count - index) * sizeof *l);
}

static void drop(struct zab *z, struct learner *l, const char *why)
{
    core_close(z, l->link, why);
    forget(z, l);
}

void master_drop_all(struct zab *z, const char *why)
{
    while (z->master.count > 0)
        drop(z, &z->master.at[z->master.count - 1], why);
}

/* ---- Until it is up to date. */

static zk_zxid epoch_begin(const struct zab *z)
{
    return zxid_make((uint32_t)z->current, 0);
}

static const char *judge(struct zab *z, const struct learner *l)
{
    if (!z->conf.observer_masters || z->role != ZAB_FOLLOWING || z->phase != ZAB_BROADCAST)
        return "we do not follow";
    if (!l->is_observer)
        return "only observers are served there";
    if (l->accepted > z->current)
        return "it has promised a later epoch than ours";
    return NULL;
}

static void on_new_link(struct zab *z, const struct zab_event *ev)
{
    static const uint8_t data[4 + HINT_LEN] = { 0, 1, 0, 0, 'z', 'a', 'b', 'd', 0, 0, 0, 1 };
    struct mastering *m = &z->master;
    struct learner l = { .link = ev->link, .stage = LEARNER_ASKED, .since_ms = z->now_ms };
    const char *why = lead_read_info(z, ev->packet, &l);

    if (why == NULL)
        why = judge(z, &l);
    if (why == NULL && find_sid(z, l.sid) != NULL)
        drop(z, find_sid(z, l.sid), "the server has come again");
    if (why == NULL && m->count == LEARNERS_MAX)
        why = "too many observers";
    if (why != NULL) {
        core_close(z, ev->link, why);
        return;
    }
    if (m->count == m->cap) {
        m->cap = m->cap * 2 + 8;
        m->at = zk_xrealloc(m->at, m->cap * sizeof *m->at);
    }
    m->at[m->count++] = l;
    core_send(
        z, l.link, ZAB_LEADERINFO, epoch_begin(z),
        (struct jute_bytes){ .at = data, .len = z->conf.zabd_hints ? (int32_t)sizeof data : 4 });
}

/* It has heard more of our leader than we have, from another. Were it taken back to where we are,
 * its clients would see the past. */
static bool is_ahead(const struct zab *z, const struct learner *l)
{
    return l->last > z->committed && l->last > epoch_begin(z) && !l->wants_snapshot;
}

static void feed(struct zab *z, struct learner *l)
{
    struct zab_action *a = core_act(z, ZAB_DO_FEED);

    a->link = l->link;
    a->peer = l->sid;
    a->zxid = l->last;
    a->is_observer = true;
    a->wants_snapshot = l->wants_snapshot;
    a->digest_zxid = l->digest_zxid;
    a->digest = l->digest;
    core_send(z, l->link, ZAB_NEWLEADER, epoch_begin(z),
              (struct jute_bytes){ .at = z->cur_text.at, .len = (int32_t)z->cur_text.len });
    l->stage = LEARNER_FED;
    l->since_ms = z->now_ms;
}

static void on_ackepoch(struct zab *z, struct learner *l, const struct zab_packet *p)
{
    const char *why = lead_read_ackepoch(p, l);

    if (why != NULL) {
        drop(z, l, why);
        return;
    }
    l->stage = LEARNER_PROMISED; /* master_settle() goes on. */
    l->since_ms = z->now_ms;
}

static void on_ack_of_newleader(struct zab *z, struct learner *l, const struct zab_packet *p)
{
    if (p->zxid != epoch_begin(z)) {
        drop(z, l, "it acknowledged something else than NEWLEADER");
        return;
    }
    core_send(z, l->link, ZAB_UPTODATE, -1, core_no_data());
    l->stage = LEARNER_UP;
    l->since_ms = z->now_ms;
}

/* ---- From then on. */

static void on_packet(struct zab *z, struct learner *l, const struct zab_packet *p)
{
    l->since_ms = z->now_ms;
    switch (p->type) {
    case ZAB_ACK:
        if (zxid_counter(p->zxid) != 0) /* Of UPTODATE. */
            drop(z, l, "an observer acknowledged a proposal");
        break;
    case ZAB_PING:
    case ZAB_REQUEST:
    case ZAB_REVALIDATE:
        core_act(z, ZAB_DO_SERVE)->link = l->link;
        break;
    default:
        drop(z, l, "it sent what no learner sends");
        break;
    }
}

static void on_link_packet(struct zab *z, struct learner *l, const struct zab_event *ev)
{
    if (l == NULL)
        on_new_link(z, ev);
    else if (l->stage == LEARNER_ASKED && ev->packet->type == ZAB_ACKEPOCH)
        on_ackepoch(z, l, ev->packet);
    else if (l->stage == LEARNER_FED && ev->packet->type == ZAB_ACK)
        on_ack_of_newleader(z, l, ev->packet);
    else if (l->stage == LEARNER_UP)
        on_packet(z, l, ev->packet);
    else
        drop(z, l, "it sent what it should not at this point");
}

void master_link(struct zab *z, const struct zab_event *ev)
{
    struct learner *l = find(z, ev->link);

    if (ev->kind == ZAB_EV_PACKET)
        on_link_packet(z, l, ev);
    else if (ev->kind == ZAB_EV_LINK_DOWN && l != NULL)
        forget(z, l);
    else if (ev->kind == ZAB_EV_PROGRESS && l != NULL && l->stage == LEARNER_FED)
        l->since_ms = z->now_ms;
}

/* The leader pings us each half tick, and more often when it wants to be sure of us. */
void master_ping(struct zab *z)
{
    if (z->master.count == 0 || z->now_ms - z->master.ping_ms < z->conf.tick_ms / 4)
        return;
    z->master.ping_ms = z->now_ms;
    for (size_t i = 0; i < z->master.count; i++)
        if (z->master.at[i].stage == LEARNER_UP)
            core_send(z, z->master.at[i].link, ZAB_PING, z->committed, core_no_data());
}

void master_settle(struct zab *z)
{
    for (size_t i = 0; i < z->master.count; i++) {
        struct learner *l = &z->master.at[i];
        if (l->stage == LEARNER_PROMISED && !is_ahead(z, l))
            feed(z, l);
    }
}

/* ---- Time. */

static int64_t end_of(const struct zab *z, const struct learner *l)
{
    return l->since_ms + (l->stage == LEARNER_UP ? core_sync_ms(z) : core_init_ms(z));
}

int64_t master_deadline(const struct zab *z)
{
    int64_t at = NEVER;

    for (size_t i = 0; i < z->master.count; i++)
        if (end_of(z, &z->master.at[i]) < at)
            at = end_of(z, &z->master.at[i]);
    return at;
}

void master_expire(struct zab *z)
{
    for (size_t i = z->master.count; i-- > 0;) {
        struct learner *l = &z->master.at[i];
        if (z->now_ms >= end_of(z, l))
            drop(z, l,
                 l->stage == LEARNER_UP ? "it was silent for syncLimit"
                                        : "it did not join within initLimit");
    }
}
