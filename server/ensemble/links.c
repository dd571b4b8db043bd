/* Links of the quorum port: bytes into packets into events. */
#include <errno.h>

#include "jute/records.h"
#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"

void send_packet(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    feed_send(e, link, p);
}

/* What this floor has of a link. */
void forget_link(struct ensemble *e, zab_link link)
{
    struct feed *f = feed_find(e, link);

    if (f != NULL) {
        parked_forget(e, link);
        feed_end(e, f);
    }
    barriers_forget(e, link);
    if (link == e->leader_link) {
        load_abort(e);
        e->leader_link = 0;
        e->leader_is_up = false;
    }
    if (link == e->receiving)
        e->receiving_ended = true;
}

/* For a reason of ours: the core hears of it as if the other side had closed. */
void close_link(struct ensemble *e, zab_link link, const char *why)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_LINK_DOWN);

    ev.link = link;
    forget_link(e, link);
    e->io.close(e->io.ctx, link, why);
    if (!e->is_stepping) {
        ensemble_step(e, &ev);
        return;
    }
    if (e->down_count == e->down_cap) {
        e->down_cap = e->down_cap * 2 + 8;
        e->downs = zk_xrealloc(e->downs, e->down_cap * sizeof *e->downs);
    }
    e->downs[e->down_count++] = link;
}

void ensemble_link_up(struct ensemble *e, zab_link link)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_LINK_UP);

    if (link == e->leader_link)
        e->leader_is_up = true;
    ev.link = link;
    ensemble_step(e, &ev);
}

void ensemble_link_down(struct ensemble *e, zab_link link)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_LINK_DOWN);

    forget_link(e, link);
    ev.link = link;
    ensemble_step(e, &ev);
}

/* ZAB_DO_CLOSE: the core knows. */
void link_closed(struct ensemble *e, const struct zab_action *a)
{
    forget_link(e, a->link);
    e->io.close(e->io.ctx, a->link, a->why);
}

/* ---- Packets. */

static size_t data_max(struct ensemble *e, zab_link link)
{
    size_t max = HANDSHAKE_DATA_MAX;

    if (link == e->leader_link)
        max = e->conf.frame_max > ZAB_CONFIG_TEXT_MAX ? e->conf.frame_max : ZAB_CONFIG_TEXT_MAX;
    else if (feed_find(e, link) != NULL)
        max = e->conf.frame_max;
    return max;
}

/* The payload of a packet with a txn; len -1: it has none. */
struct jute_bytes packet_txn(const struct zab_packet *p)
{
    struct jute_bytes payload = { .len = -1 };

    if (p->type == ZAB_PROPOSAL || p->type == ZAB_INFORM)
        payload = p->data;
    else if (p->type == ZAB_INFORMANDACTIVATE && p->data.len >= 8)
        payload = (struct jute_bytes){ .at = p->data.at + 8, .len = p->data.len - 8 };
    return payload;
}

static void one_packet(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_PACKET);
    struct jute_bytes payload = packet_txn(p);

    ev.link = link;
    ev.packet = p;
    if (e->serves && link == e->leader_link)
        figures_received(e, p, payload);
    bool is_unreadable = false;
    if (payload.len > 0 && link == e->leader_link)
        ev.config = config_of_txn(e, payload.at, (size_t)payload.len, &is_unreadable);
    if (is_unreadable) { /* To go on with the old members would be to count the wrong votes. */
        close_link(e, link, "it proposed members that can't be read");
        return;
    }
    if (p->type == ZAB_LEADERINFO && link == e->leader_link && e->conf.order.digest &&
        !e->state_is_void && !e->state->is_fuzzy) {
        ev.digest_zxid = order_last_applied(e->order);
        ev.digest = tree_digest(e->state->tree);
    }
    if (p->type == ZAB_PING && link == e->leader_link && e->fuzzy_until < 0)
        e->fuzzy_until = p->zxid;
    ensemble_step(e, &ev);
    zab_config_unref(ev.config);
}

int64_t ensemble_received(struct ensemble *e, zab_link link, const uint8_t *at, size_t len)
{
    size_t taken = 0;

    e->receiving = link;
    e->receiving_ended = false;
    while (taken < len && !e->receiving_ended) {
        int64_t r;

        if (e->load != NULL && link == e->leader_link) {
            r = load_feed(e, at + taken, len - taken);
        } else {
            struct zab_packet p;
            r = zab_packet_read(&p, at + taken, len - taken, data_max(e, link));
            if (r > 0)
                one_packet(e, link, &p);
        }
        if (r < 0 && !e->receiving_ended)
            close_link(e, link, "what it sent can't be read");
        if (r <= 0)
            break;
        taken += (size_t)r;
    }
    e->receiving = 0;
    return e->receiving_ended ? -EBADMSG : (int64_t)taken;
}

void ensemble_room(struct ensemble *e, zab_link link)
{
    (void)e;
    (void)link; /* The end of the turn asks each link for its room. */
}

/* ---- The election port. */

void ensemble_notified(struct ensemble *e, zk_sid from, const uint8_t *body, size_t len)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_NOTIFIED);
    struct zab_notification n;

    if (zab_notification_read(&n, body, len) < 0)
        return; /* As ZooKeeper does (quorum-protocol 2.4). */
    ev.peer = from;
    ev.notification = &n;
    ensemble_step(e, &ev);
}

void ensemble_reachable(struct ensemble *e, zk_sid peer, bool is_reachable)
{
    struct zab_event ev =
        ensemble_event(e, is_reachable ? ZAB_EV_PEER_REACHABLE : ZAB_EV_PEER_GONE);

    ev.peer = peer;
    ensemble_step(e, &ev);
}
