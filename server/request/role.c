/* What the server is in its ensemble, as its clients feel it: whether they are let in, what becomes
 * of those that are connected when who leads changes, and the read-only mode (quorum-protocol
 * 4.11). */
#include "server/request/limits.h"
#include "server/request/read.h"
#include "server/request/route.h"
#include "server/session/session.h"

/* Everyone with a session, or on the way to one. Who only just came finds the door shut. */
static void close_all(struct service *s)
{
    for (uint32_t i = 0; i < s->clients_cap; i++) {
        struct client *c = s->clients[i];

        if (c != NULL && c->phase != CLIENT_NEW)
            route_doom(c);
    }
}

static void shut(struct service *s)
{
    s->door = DOOR_SHUT;
    close_all(s);
}

/* ---- Read-only. */

bool role_is_read_only(struct service *s)
{
    if (!s->is_read_only || zab_role(ensemble_zab(s->ensemble)) == ZAB_LOOKING)
        return s->is_read_only;
    /* There is a leader, whose txns are not for who sees but a part of them. */
    s->is_read_only = s->asks_before_reads = false;
    s->read_only_ms = s->now_ms;
    shut(s);
    return false;
}

static int64_t read_only_after(const struct service *s)
{
    return s->conf.tick_ms > READ_ONLY_AFTER_MS ? s->conf.tick_ms : READ_ONLY_AFTER_MS;
}

/* Nobody leads for long enough. */
static void begin_read_only(struct service *s)
{
    s->read_only_ms = s->now_ms; /* Else it is tried again after as long a time. */
    if (zab_role(ensemble_zab(s->ensemble)) != ZAB_LOOKING)
        return;
    sessions_rebuild(s);
    s->read_only_first_id = s->next_session_id;
    s->is_read_only = s->asks_before_reads = true;
    s->door = DOOR_OPEN;
}

/* ---- While nobody leads. */

void service_pause(struct service *s)
{
    s->serves = s->leads = s->asks_before_reads = false;
    s->role = ZAB_LOOKING;
    tickets_void(s);
    s->paused_ms = s->read_only_ms = s->now_ms;
    if (s->is_read_only)
        shut(s);
    else if (s->door == DOOR_OPEN)
        s->door = DOOR_HELD;
    s->is_read_only = false;
}

int64_t role_deadline(const struct service *s)
{
    if (s->needs_settling || !list_is_empty(&s->doomed))
        return s->now_ms;
    if (s->serves || s->is_read_only)
        return INT64_MAX;
    if (s->door == DOOR_HELD)
        return s->paused_ms + DOOR_HELD_MS;
    return s->conf.read_only_mode ? s->read_only_ms + read_only_after(s) : INT64_MAX;
}

void role_expire(struct service *s)
{
    if (s->serves || s->is_read_only)
        return;
    if (s->door == DOOR_HELD && s->now_ms >= s->paused_ms + DOOR_HELD_MS)
        shut(s);
    if (s->conf.read_only_mode && s->now_ms >= s->read_only_ms + read_only_after(s))
        begin_read_only(s);
}

/* ---- Someone leads. */

static bool takes_clients(const struct service *s)
{
    return s->role != ZAB_LEADING || s->is_alone || !s->conf.leader_abstains;
}

void service_serve(struct service *s, enum zab_role role, bool state_is_new)
{
    if (s->is_read_only || state_is_new)
        close_all(s);
    s->door = DOOR_HELD; /* Until the turn ends. */
    if (state_is_new)
        children_cache_clear(s->children_cache);
    s->is_read_only = s->asks_before_reads = false;
    s->role = role;
    s->serves = true;
    s->leads = role == ZAB_LEADING;
    sessions_rebuild(s);
    s->needs_settling = true;
    if (s->client_count == 0)
        role_settle(s);
}

static bool waits_for_txn(const struct client *c)
{
    for (const struct pending *p = c->pending_first; p != NULL; p = p->next)
        if (p->kind == PENDING_WRITE)
            return true;
    return false;
}

/* While the door was shut a write of its own was applied, and a read that came before is not
 * answered yet: that would show what it must not. */
static bool was_overtaken(const struct client *c)
{
    bool reads = false;

    for (const struct pending *p = c->pending_first; p != NULL; p = p->next) {
        if (reads && p->kind == PENDING_READY)
            return true;
        reads = reads || p->kind == PENDING_READ || p->kind == PENDING_SYNC;
    }
    return false;
}

/* Its leader knows by which link a session's writes come. Where that is another now, and the leader
 * is the same, it would refuse them (SESSIONMOVED). The answer is of no interest: the session is
 * there, or its end is on its way. */
static void claim(const struct client *c)
{
    struct service *s = c->service;

    if (!s->leads && !s->is_alone && !c->session->is_local &&
        s->settled_epoch == zab_epoch(ensemble_zab(s->ensemble)))
        (void)ensemble_revalidate(s->ensemble, c->session_id, c->session->timeout_ms);
}

/* Whether c's writes without an answer are known not to have been done, so that the leader may be
 * asked for them. All that earlier epochs decided is applied by now, and they will decide nothing
 * more. In the same epoch its leader may still come to what it was asked; and what we ordered
 * ourselves is kept nowhere. */
static bool may_write_again(const struct client *c)
{
    const struct service *s = c->service;

    if (s->settled_epoch >= zab_epoch(ensemble_zab(s->ensemble)) || c->session->is_local)
        return false;
    for (const struct pending *p = c->pending_first; p != NULL; p = p->next)
        if (p->kind == PENDING_WRITE && p->request == NULL)
            return false;
    return true;
}

/* A client that stayed. What it has asked for is answered as far as it can be. */
static void settle_client(struct client *c)
{
    if (c->phase == CLIENT_NEW || c->phase == CLIENT_CLOSING)
        return;
    if (c->is_revalidating) {
        sessions_ask_again(c);
    } else if (c->session == NULL || was_overtaken(c) ||
               (waits_for_txn(c) && !may_write_again(c))) {
        route_doom(c);
    } else {
        claim(c);
        route_write_again(c);
        route_pump(c);
    }
}

/* Only now are clients let in: what they ask for is told from what is left of the last role. */
void role_settle(struct service *s)
{
    if (!s->needs_settling)
        return;
    s->needs_settling = false;
    if (!s->serves)
        return;
    if (!takes_clients(s)) {
        shut(s);
        return;
    }
    if (s->door == DOOR_OPEN) { /* Only tickets were refused. */
        tickets_ask_again(s);
        return;
    }
    s->door = DOOR_OPEN;
    service_look(s);
    s->asks_before_reads = s->conf.linearizable_reads && !s->is_alone;
    for (uint32_t i = 0; i < s->clients_cap; i++)
        if (s->clients[i] != NULL)
            settle_client(s->clients[i]);
    s->settled_epoch = zab_epoch(ensemble_zab(s->ensemble));
    tickets_ask_again(s);
}

/* ---- Limits that depend on the membership. */

void role_update(struct service *s)
{
    const struct zab_config *conf = zab_config_in_force(ensemble_zab(s->ensemble));

    s->outstanding_max = s->conf.global_outstanding_max;
    /* Learners forward to one leader, so each takes its part (quorum-protocol 4.9). */
    if (s->role != ZAB_OBSERVING && conf != NULL && conf->voters > 2)
        s->outstanding_max /= (uint32_t)conf->voters - 1;
}
