/* The sessions of this server's clients, by what it is: who leads tracks those of the whole
 * ensemble; a learner knows the ones that its clients use, and tells its leader which of them live;
 * local sessions are each server's own (client-protocol 2.4 to 2.7, 2.12, 5.1). */
#include <errno.h>

#include "server/request/limits.h"
#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"

/* ---- Coming and going. */

void sessions_drop(struct service *s, struct session *session)
{
    if (session->is_local)
        s->local_sessions--;
    forward_forget_all(s, session);
    session_remove(s->sessions, session);
}

void sessions_release(struct service *s, struct session *session)
{
    bool is_known = s->leads && session_is_tracked(session);

    if (!is_known && !session->is_local && session->client == NULL &&
        list_is_empty(&session->writes))
        sessions_drop(s, session);
}

void sessions_detach(struct client *c)
{
    struct session *session = c->session;

    c->session = NULL;
    if (session == NULL || session->client != c)
        return;
    session->client = NULL;
    sessions_release(c->service, session);
}

/* It must not reach a session that is gone. */
static struct client *leave_client(struct session *session)
{
    struct client *c = session->client;

    session->client = NULL;
    if (c != NULL)
        c->session = NULL;
    return c;
}

static void attach(struct client *c, struct session *session)
{
    session->client = c;
    c->session = session;
    c->session_id = session->id;
}

static struct session *add(struct service *s, zk_session_id id, int32_t timeout_ms)
{
    return s->leads ? session_add(s->sessions, id, timeout_ms, s->now_ms)
                    : session_add_untracked(s->sessions, id, timeout_ms);
}

/* ---- A new one. */

static bool makes_local(const struct service *s)
{
    return s->is_read_only || (s->conf.local_sessions && !s->is_alone);
}

bool sessions_begin(struct client *c)
{
    struct service *s = c->service;
    zk_session_id id = s->next_session_id++;

    if (makes_local(s)) {
        attach(c, session_add(s->sessions, id, c->timeout_ms, s->now_ms));
        c->session->is_local = true;
        c->session->is_read_only = s->is_read_only;
        s->local_sessions++;
        handshake_done(c);
        return true;
    }
    struct pending *p = pending_add(c, PENDING_WRITE, 0, ZK_OP_CREATE_SESSION, NULL, 0);
    struct write_request req = {
        .session = id, .op = ZK_OP_CREATE_SESSION, .ids = c->ids, .timeout_ms = c->timeout_ms
    };
    enum zk_err err;

    s->outstanding++;
    attach(c, add(s, id, c->timeout_ms));
    c->phase = CLIENT_CONNECTING;
    return forward_submit(s, c->session, p, &req, &err) == ORDER_SUBMITTED;
}

static void make_global(struct service *s, struct session *session)
{
    session->is_local = session->is_upgrading = false;
    s->local_sessions--;
}

/* Its txn is applied. */
void sessions_created(struct service *s, zk_session_id id)
{
    struct session *session = session_find(s->sessions, id);
    int32_t timeout_ms;

    if (session == NULL) {
        if (s->leads && session_book_get(s->state.sessions, id, &timeout_ms))
            (void)session_add(s->sessions, id, timeout_ms, s->now_ms);
        return;
    }
    if (!session->is_local)
        return;
    make_global(s, session);
    if (!s->leads)
        session_untrack(s->sessions, session);
}

/* ---- One that was there before. */

static bool password_fits(zk_session_id id, struct jute_bytes given)
{
    uint8_t password[SESSION_PASSWORD_LEN];
    uint8_t differs = 0;

    if (id == 0 || given.len != SESSION_PASSWORD_LEN)
        return false;
    session_password(password, id);
    for (int i = 0; i < SESSION_PASSWORD_LEN; i++) /* In constant time. */
        differs |= (uint8_t)(password[i] ^ given.at[i]);
    return differs == 0;
}

static void adopt(struct client *c, struct session *session)
{
    struct service *s = c->service;

    attach(c, session);
    session->timeout_ms = c->timeout_ms;
    if (s->leads || session->is_local)
        session_touch(s->sessions, session, s->now_ms);
    handshake_done(c);
}

static void leave_session(struct client *c, zk_session_id id)
{
    struct service *s = c->service;

    sessions_detach(c);
    struct session *session = session_find(s->sessions, id);
    if (session != NULL)
        sessions_release(s, session);
}

static void refuse(struct client *c, zk_session_id id)
{
    leave_session(c, id);
    handshake_refuse(c);
}

/* Whether the session is there still, is its leader's to say. */
static void ask(struct client *c, zk_session_id id)
{
    struct service *s = c->service;
    int valid = s->is_alone ? session_find(s->sessions, id) != NULL
                            : ensemble_revalidate(s->ensemble, id, c->timeout_ms);

    if (valid == 0) {
        refuse(c, id);
        return;
    }
    if (valid > 0) {
        adopt(c, add(s, id, c->timeout_ms));
        return;
    }
    if (valid == -EBUSY) { /* It may live, so its client is to come again. */
        leave_session(c, id);
        route_finish(c);
        return;
    }
    attach(c, session_add_untracked(s->sessions, id, c->timeout_ms));
    c->phase = CLIENT_CONNECTING;
    c->is_revalidating = true;
}

void sessions_ask_again(struct client *c)
{
    c->is_revalidating = false;
    ask(c, c->session_id);
}

void service_revalidated(struct service *s, zk_session_id id, bool is_valid)
{
    struct session *session = session_find(s->sessions, id);
    struct client *c = session != NULL ? session->client : NULL;

    if (c == NULL || !c->is_revalidating)
        return; /* It went away meanwhile. */
    c->is_revalidating = false;
    if (is_valid)
        adopt(c, session);
    else
        refuse(c, id);
}

/* There is no leader to ask. A session of the ensemble's is not ours to serve; what we made
 * ourselves since then is known to be over. Any other may be of another server like us: to who has
 * its password we may show what we have, but not where sessions are each server's own. */
static bool resume_read_only(struct client *c, zk_session_id id, struct session *session)
{
    struct service *s = c->service;
    int32_t timeout_ms;

    if (session_book_get(s->state.sessions, id, &timeout_ms))
        return false;
    if (session == NULL || !session->is_local) {
        if (s->conf.local_sessions || (id >= s->read_only_first_id && id < s->next_session_id)) {
            refuse(c, id);
            return true;
        }
        session = session_add(s->sessions, id, c->timeout_ms, s->now_ms);
        session->is_local = session->is_read_only = true;
        s->local_sessions++;
    }
    adopt(c, session);
    return true;
}

bool sessions_resume(struct client *c, zk_session_id id, struct jute_bytes password)
{
    struct service *s = c->service;
    struct session *session = session_find(s->sessions, id);

    s->stats.connection_revalidate_count++;
    /* The older connection goes first, before the password is looked at. */
    if (session != NULL && session->client != NULL) {
        struct client *older = session->client;
        route_orphan(older);
        (void)leave_client(session);
        older->phase = CLIENT_CLOSING;
        s->host.kick(older);
    }
    /* Its end is under way; where we lead, only if we do still. */
    bool is_ending = session != NULL && session->closing && (!s->leads || s->is_alone);

    if (!password_fits(id, password) || is_ending)
        refuse(c, id);
    else if (s->is_read_only)
        return resume_read_only(c, id, session);
    else if (session != NULL && session->is_local)
        adopt(c, session);
    else
        ask(c, id);
    return true;
}

/* ---- The end of one. */

/* closeSession was applied, or a local one is over. Its client, unless it asked for that itself,
 * is told by the end of its connection. */
void sessions_end(struct service *s, struct session *session, const struct client *asker)
{
    struct client *c = leave_client(session);

    sessions_drop(s, session);
    if (c != NULL && c != asker)
        route_finish(c);
}

static void expire_one(struct service *s, struct session *session)
{
    struct write_request req = { .session = session->id, .op = ZK_OP_CLOSE_SESSION };
    enum zk_err err;
    zk_zxid zxid;

    if (session->is_upgrading) { /* What it is, is being decided. */
        session_touch(s->sessions, session, s->now_ms);
        return;
    }
    s->stats.stale_sessions_expired++;
    if (session->is_local) {
        sessions_end(s, session, NULL);
        return;
    }
    session->closing = true;
    enum order_verdict v = ensemble_submit(s->ensemble, &req, &err, &zxid);
    zk_assert(v == ORDER_SUBMITTED);
    s->stats.proposal_count++;
}

/* Whether a session that is due may be ended now. */
static bool may_expire(const struct service *s)
{
    return s->leads ? ensemble_can_submit(s->ensemble) : s->serves || s->is_read_only;
}

void sessions_expire(struct service *s)
{
    while (may_expire(s)) {
        struct session *session = session_next_expired(s->sessions, s->now_ms);
        if (session == NULL)
            break;
        expire_one(s, session);
    }
}

int64_t sessions_deadline(const struct service *s)
{
    if (!s->serves && !s->is_read_only)
        return INT64_MAX;
    int64_t at = session_next_deadline(s->sessions);
    return at <= s->now_ms && !may_expire(s) ? s->now_ms + EXPIRE_RETRY_MS : at;
}

/* ---- The role has changed. */

static bool is_in_book(const struct service *s, const struct session *session)
{
    int32_t timeout_ms;

    return session_book_get(s->state.sessions, session->id, &timeout_ms);
}

static bool outlives_role(const struct service *s, const struct session *session)
{
    if (session->is_local) /* Those of a read-only server end with it. */
        return s->conf.local_sessions && !session->is_read_only;
    return is_in_book(s, session);
}

static void review(void *ctx, struct session *session)
{
    struct service *s = ctx;

    /* Whatever became of the writes of the last role is applied, or will never be. */
    forward_forget_all(s, session);
    session->closing = session->is_upgrading = false;
    /* It was upgraded, and what we have of that is a snapshot instead of its txn. */
    if (session->is_local && !session->is_read_only && is_in_book(s, session))
        make_global(s, session);
    if (!outlives_role(s, session)) {
        struct client *c = leave_client(session);
        sessions_drop(s, session);
        if (c != NULL && !c->is_revalidating)
            route_doom(c);
        return;
    }
    session_untrack(s->sessions, session);
    if (s->leads || session->is_local)
        session_touch(s->sessions, session, s->now_ms);
    sessions_release(s, session);
}

static void note_in_book(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct service *s = ctx;
    uint64_t behind = (uint64_t)id + 1;

    if (s->leads)
        (void)session_add(s->sessions, id, timeout_ms, s->now_ms);
    /* Ids come from the clock: should that have gone back, they must still be new. */
    if (((uint64_t)id ^ (uint64_t)s->next_session_id) >> 56 == 0 && id >= s->next_session_id &&
        (behind ^ (uint64_t)id) >> 56 == 0)
        s->next_session_id = (zk_session_id)behind;
}

void sessions_rebuild(struct service *s)
{
    session_each(s->sessions, review, s);
    session_book_each(s->state.sessions, note_in_book, s);
}
