/* A follower's side of the observers that it serves (quorum-protocol 4.10). What they ask for goes
 * to the leader as if it were our own, and what comes back goes to who asked. Their txns come from
 * our history, as those of a leader's learners do (feed.c).
 *
 * The leader answers in the order in which it was asked, so a line of who asked is all there is to
 * remember. */
#include <stdlib.h>
#include <string.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"

/* ---- Whose sessions the leader was asked about. */

bool asked_add(struct ensemble *e, zk_session_id session, zab_link link)
{
    struct asked_line *l = &e->asked;

    if (l->count >= ASKED_MAX)
        return false;
    if (l->first + l->count == l->cap && l->first > 0) {
        memmove(l->at, l->at + l->first, l->count * sizeof *l->at);
        l->first = 0;
    }
    if (l->count == l->cap) {
        l->cap = l->cap * 2 + 64;
        l->at = zk_xrealloc(l->at, l->cap * sizeof *l->at);
    }
    l->at[l->first + l->count++] = (struct asked){ .session = session, .link = link };
    return true;
}

zab_link asked_take(struct ensemble *e, zk_session_id session)
{
    struct asked_line *l = &e->asked;
    size_t i = 0;

    while (i < l->count && l->at[l->first + i].session != session)
        i++;
    if (i == l->count)
        return 0;
    zab_link link = l->at[l->first + i].link;

    /* Mostly it is the first. */
    memmove(&l->at[l->first + 1], &l->at[l->first], i * sizeof *l->at);
    l->first++;
    l->count--;
    return link;
}

void asked_forget(struct ensemble *e)
{
    e->asked.first = e->asked.count = 0;
}

static void relay_revalidate(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);
    struct session_touch ask;

    jute_read_session_touch(&in, &ask);
    if (in.bad)
        close_link(e, link, "a REVALIDATE can't be read");
    else if (!asked_add(e, ask.session_id, link))
        close_link(e, link, "too many of its sessions wait for the leader's word");
    else
        send_packet(e, e->leader_link, p);
}

/* ---- Requests. */

static void relay_request(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);
    struct forwarded_request head;

    jute_read_forwarded_request(&in, &head);
    if (in.bad || p->authinfo.count < -1) {
        close_link(e, link, "a REQUEST can't be read");
        return;
    }
    if (head.type == ZK_OP_SYNC) {
        /* Nothing that is decided from here on overtakes its answer: see commit_limit(). */
        struct barrier b = { .link = link, .zxid = zab_committed(e->zab) };

        if (e->barrier_count >= BARRIERS_MAX) {
            close_link(e, link, "too many of its syncs wait");
            return;
        }
        barrier_add(e, &b);
    }
    send_packet(e, e->leader_link, p);
}

/* ---- Those who were heard of there. */

static void take_touches(struct ensemble *e, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);

    while (jute_left(&in) > 0 && e->touch_count < RELAYED_TOUCHES_MAX) {
        struct session_touch touch;

        jute_read_session_touch(&in, &touch);
        if (in.bad)
            return;
        queue_touch(e, touch.session_id, touch.timeout_ms);
    }
}

void serve_observer(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    if (!e->serves || e->leader_link == 0)
        return; /* It will ask another. */
    if (p->type == ZAB_PING)
        take_touches(e, p);
    /* It sends no more than it may have under way, unless it means us harm. */
    else if (e->io.unsent(e->io.ctx, e->leader_link) > RELAY_UNSENT_MAX)
        close_link(e, link, "the leader does not take what it asks for");
    else if (p->type == ZAB_REQUEST)
        relay_request(e, link, p);
    else if (p->type == ZAB_REVALIDATE)
        relay_revalidate(e, link, p);
}

/* Of the leader: a client of ours, or an observer, asked. */
bool relay_validity(struct ensemble *e, zk_session_id session, const struct zab_packet *p)
{
    zab_link link = asked_take(e, session);

    if (link == 0)
        return false;
    feed_send_behind_all(e, link, p);
    return true;
}
