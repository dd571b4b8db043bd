#include "zab/print.h"

#include <inttypes.h>

#include "jute/codec.h"

void zab_print_zxid(zk_zxid zxid, struct bytes *out)
{
    if (zxid < 0)
        bytes_printf(out, "%" PRId64, zxid);
    else
        bytes_printf(out, "%" PRIx32 ":%" PRIx32, zxid_epoch(zxid), zxid_counter(zxid));
}

static void print_sid(zk_sid sid, struct bytes *out)
{
    if (sid == INT64_MIN)
        bytes_printf(out, "nobody");
    else
        bytes_printf(out, "%" PRId64, sid);
}

static void print_link(const struct zab_printer *p, zab_link link, struct bytes *out)
{
    zk_sid sid = p->peer != NULL ? p->peer(p->ctx, link) : INT64_MIN;

    if (sid != INT64_MIN)
        print_sid(sid, out);
    else
        bytes_printf(out, "%s%slink %" PRIu64, (link & ZAB_LINK_OURS) != 0 ? "own " : "",
                     (link & ZAB_LINK_MASTER) != 0 ? "observers' " : "",
                     link & ~(ZAB_LINK_OURS | ZAB_LINK_MASTER));
}

const char *zab_role_name(enum zab_role role)
{
    static const char *const names[] = { "LOOKING", "FOLLOWING", "LEADING", "OBSERVING" };

    return names[role];
}

const char *zab_phase_name(enum zab_phase phase)
{
    static const char *const names[] = { "ELECTION", "DISCOVERY", "SYNCHRONIZATION", "BROADCAST" };

    return names[phase];
}

void zab_print_packet(const struct zab_packet *p, struct bytes *out)
{
    bytes_printf(out, "%s", zab_packet_name(p->type));
    if (p->zxid != -1) {
        bytes_printf(out, " ");
        zab_print_zxid(p->zxid, out);
    }
    if (p->type == ZAB_ACKEPOCH && p->data.len >= 4)
        bytes_printf(out, " current=%" PRId32, (int32_t)jute_load32(p->data.at));
    if ((p->type == ZAB_COMMITANDACTIVATE || p->type == ZAB_INFORMANDACTIVATE) && p->data.len >= 8)
        bytes_printf(out, " leader=%" PRId64, (int64_t)jute_load64(p->data.at));
}

void zab_print_notification(const struct zab_notification *n, struct bytes *out)
{
    static const char *const names[] = { "LOOKING", "FOLLOWING", "LEADING", "OBSERVING" };

    bytes_printf(out, "vote leader=");
    print_sid(n->vote.leader, out);
    bytes_printf(out, " zxid=");
    zab_print_zxid(n->vote.zxid, out);
    bytes_printf(out, " epoch=%" PRId64 " round=%" PRId64 " %s", n->vote.epoch, n->vote.round,
                 n->state >= 0 && n->state <= 3 ? names[n->state] : "?");
}

static const char *event_name(const struct zab_event *ev)
{
    switch (ev->kind) {
    case ZAB_EV_START:
        return "starts";
    case ZAB_EV_TIME:
        return "timer";
    case ZAB_EV_NOTIFIED:
        return "hears";
    case ZAB_EV_PEER_REACHABLE:
        return "reaches";
    case ZAB_EV_PEER_GONE:
        return "misses";
    case ZAB_EV_LINK_UP:
        return "link up to";
    case ZAB_EV_LINK_DOWN:
        return "link down to";
    case ZAB_EV_PACKET:
        return "packet from";
    case ZAB_EV_PROGRESS:
        return "progress with";
    case ZAB_EV_SUBMIT:
        return "submits up to";
    case ZAB_EV_LOGGED:
        return "logged";
    case ZAB_EV_LOADED:
        return "loaded";
    case ZAB_EV_SNAPSHOT_SAVED:
        return "saved the snapshot";
    case ZAB_EV_DIVERGED:
        return "diverged";
    case ZAB_EV_PROPOSED_CONFIG:
        return "prepared configuration";
    case ZAB_EV_STEP_DOWN:
        return "is to step down";
    }
    return "?";
}

void zab_print_event(const struct zab_printer *p, const struct zab_event *ev, struct bytes *out)
{
    print_sid(p->self, out);
    bytes_printf(out, " %s", event_name(ev));
    if (ev->kind == ZAB_EV_NOTIFIED || ev->kind == ZAB_EV_PEER_REACHABLE ||
        ev->kind == ZAB_EV_PEER_GONE) {
        bytes_printf(out, " ");
        print_sid(ev->peer, out);
    }
    if (ev->link != 0) {
        bytes_printf(out, " ");
        print_link(p, ev->link, out);
    }
    if (ev->zxid != 0) {
        bytes_printf(out, " ");
        zab_print_zxid(ev->zxid, out);
    }
    bytes_printf(out, "%s", ev->notification != NULL || ev->packet != NULL ? ": " : "");
    if (ev->notification != NULL)
        zab_print_notification(ev->notification, out);
    if (ev->packet != NULL)
        zab_print_packet(ev->packet, out);
    if (ev->why != NULL)
        bytes_printf(out, ": %s", ev->why);
}

static const char *action_name(const struct zab_action *a)
{
    switch (a->kind) {
    case ZAB_DO_NOTIFY:
    case ZAB_DO_SEND:
        return "->";
    case ZAB_DO_CONNECT:
        return (a->link & ZAB_LINK_MASTER) != 0 ? "connects to the observers' port of"
                                                : "connects to";
    case ZAB_DO_CLOSE:
        return "closes";
    case ZAB_DO_CALL:
        return "calls";
    case ZAB_DO_SAVE_ACCEPTED:
        return "saved accepted";
    case ZAB_DO_SAVE_CURRENT:
        return "saved current";
    case ZAB_DO_APPEND:
        return "appends up to";
    case ZAB_DO_TRUNCATE:
        return "truncated after";
    case ZAB_DO_LOAD:
        return "loads from";
    case ZAB_DO_SAVE_SNAPSHOT:
        return "saves its snapshot";
    case ZAB_DO_HOLD:
        return "holds";
    case ZAB_DO_COMMIT:
        return "committed";
    case ZAB_DO_FEED:
        return "feeds";
    case ZAB_DO_SERVE:
        return "serves";
    case ZAB_DO_ANSWER_PING:
        return "answers the PING of";
    case ZAB_DO_BECOME:
        return "is";
    case ZAB_DO_CONFIG:
        return a->is_proposed ? "has seen configuration" : "activated configuration";
    case ZAB_DO_CONFIRMED:
        return a->is_refused ? "refused ticket" : "confirmed ticket";
    case ZAB_DO_STOP:
        return "stops";
    case ZAB_DO_STEPPED_DOWN:
        return "stepped down";
    }
    return "?";
}

static bool has_zxid(const struct zab_action *a)
{
    return a->kind == ZAB_DO_APPEND || a->kind == ZAB_DO_TRUNCATE || a->kind == ZAB_DO_LOAD ||
           a->kind == ZAB_DO_HOLD || a->kind == ZAB_DO_COMMIT || a->kind == ZAB_DO_FEED ||
           a->kind == ZAB_DO_ANSWER_PING;
}

static void print_become(const struct zab_action *a, struct bytes *out)
{
    bytes_printf(out, " %s", zab_role_name(a->role));
    if (a->role != ZAB_LOOKING)
        bytes_printf(out, " %s", zab_phase_name(a->phase));
    if (a->role == ZAB_FOLLOWING || a->role == ZAB_OBSERVING) {
        bytes_printf(out, " leader=");
        print_sid(a->peer, out);
    }
    if (a->phase == ZAB_BROADCAST)
        bytes_printf(out, " epoch=%" PRId64, a->epoch);
}

/* What only some kinds have. */
static void print_rest(const struct zab_action *a, struct bytes *out)
{
    if (a->kind == ZAB_DO_SEND || a->kind == ZAB_DO_NOTIFY)
        bytes_printf(out, " ");
    if (a->kind == ZAB_DO_SEND)
        zab_print_packet(&a->packet, out);
    else if (a->kind == ZAB_DO_NOTIFY)
        zab_print_notification(&a->notification, out);
    else if (a->kind == ZAB_DO_SAVE_ACCEPTED || a->kind == ZAB_DO_SAVE_CURRENT)
        bytes_printf(out, "=%" PRId64, a->epoch);
    else if (a->kind == ZAB_DO_BECOME)
        print_become(a, out);
    else if (a->kind == ZAB_DO_CONFIRMED)
        bytes_printf(out, " %" PRIu64, a->ticket);
    if (a->wants_snapshot)
        bytes_printf(out, " by SNAP");
    if (a->config != NULL) {
        bytes_printf(out, " ");
        zab_print_zxid(a->config->version, out);
        if (a->zxid != 0) {
            bytes_printf(out, " leader=");
            print_sid(a->peer, out);
        }
    }
    if (a->why != NULL)
        bytes_printf(out, ": %s", a->why);
}

void zab_print_action(const struct zab_printer *p, const struct zab_action *a, struct bytes *out)
{
    print_sid(p->self, out);
    bytes_printf(out, " %s", action_name(a));
    if (a->kind == ZAB_DO_NOTIFY || a->kind == ZAB_DO_CONNECT || a->kind == ZAB_DO_CALL) {
        bytes_printf(out, " ");
        print_sid(a->peer, out);
    } else if (a->link != 0) {
        bytes_printf(out, " ");
        print_link(p, a->link, out);
    }
    if (has_zxid(a)) {
        bytes_printf(out, " ");
        zab_print_zxid(a->zxid, out);
    }
    print_rest(a, out);
}
