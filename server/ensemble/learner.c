/* A learner's side of what its clients ask for: writes go to the leader, with who asks; sessions
 * that were heard are told with the next PING (quorum-protocol 4.5, 4.6, 4.8, 4.9). And the
 * taking in of a snapshot. */
#include <errno.h>
#include <stdlib.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"
#include "util/log.h"

/* ---- Forwarding. */

/* Those of the whole connection. Session txns are the server's own: they have none. */
static void put_ids(struct bytes *out, const struct write_request *req)
{
    if (req->ids == NULL || req->op == ZK_OP_CREATE_SESSION || req->op == ZK_OP_CLOSE_SESSION) {
        jute_write_i32(out, req->op == ZK_OP_SYNC ? 0 : -1);
        return;
    }
    size_t count = idset_count(req->ids);

    jute_write_i32(out, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct jute_id id;
        idset_at(req->ids, i, &id.scheme, &id.id);
        jute_write_id(out, id);
    }
}

void forward_write(struct ensemble *e, const struct write_request *req)
{
    struct bytes *out = &e->scratch;
    struct forwarded_request head = { .session_id = req->session,
                                      .cxid = req->xid,
                                      .type = req->op };
    bool is_new = req->op == ZK_OP_CREATE_SESSION && req->body == NULL;
    size_t len = is_new ? 4 : req->len;

    if (e->leader_link == 0)
        return; /* Its end is near, and known to those who wait. */
    out->len = 0;
    jute_write_i32(out, ZAB_REQUEST);
    jute_write_i64(out, -1);
    jute_write_i32(out, (int32_t)(jute_size_forwarded_request(&head) + len));
    jute_write_forwarded_request(out, &head);
    if (is_new)
        jute_write_i32(out, req->timeout_ms);
    else
        bytes_put(out, req->body, req->len);
    put_ids(out, req);
    e->io.send(e->io.ctx, e->leader_link, out->at, out->len);
}

/* What is on its way is counted until its txn comes back: they come in the order in which they
 * went, so one that is passed over has none. */
static void note_forwarded(struct ensemble *e, const struct write_request *req)
{
    if (e->forwarded == NULL)
        e->forwarded = zk_xmalloc(FORWARD_REQUESTS_MAX * sizeof *e->forwarded);
    if (e->forwarded_count == FORWARD_REQUESTS_MAX)
        return; /* The request floor did not ask first: a session's end must go. */
    uint32_t at = (e->forwarded_first + e->forwarded_count++) % FORWARD_REQUESTS_MAX;
    e->forwarded[at] =
        (struct forwarded){ .session = req->session, .xid = req->xid, .len = (uint32_t)req->len };
    e->forwarded_bytes += req->len;
}

void forwarded_applied(struct ensemble *e, const struct applied *a)
{
    uint32_t found = 0;

    while (found < e->forwarded_count) {
        const struct forwarded *f =
            &e->forwarded[(e->forwarded_first + found) % FORWARD_REQUESTS_MAX];
        if (f->session == a->session && f->xid == a->xid)
            break;
        /* Most txns are of other servers' clients: only one of ours is looked for further on. */
        if (found == 0) {
            const struct session *s = session_find(e->sessions, a->session);
            if (s == NULL || s->client == NULL)
                return;
        }
        found++;
    }
    if (found == e->forwarded_count)
        return;
    for (uint32_t i = 0; i <= found; i++) {
        e->forwarded_bytes -= e->forwarded[e->forwarded_first].len;
        e->forwarded_first = (e->forwarded_first + 1) % FORWARD_REQUESTS_MAX;
        e->forwarded_count--;
    }
}

bool forward_has_room(const struct ensemble *e)
{
    return e->leader_link != 0 && e->forwarded_count < FORWARD_REQUESTS_MAX &&
           e->forwarded_bytes < FORWARD_BYTES_MAX &&
           e->io.unsent(e->io.ctx, e->leader_link) < FORWARD_UNSENT_MAX;
}

/* Leading or learning, a client's write. */
enum order_verdict ensemble_submit(struct ensemble *e, struct write_request *req,
                                   enum zk_err *ret_err, zk_zxid *ret_zxid)
{
    if (e->conf.zab.is_alone)
        return order_submit(e->order, req, e->wall_ms, ret_err, ret_zxid);
    if (e->role != ZAB_LEADING) {
        note_forwarded(e, req);
        forward_write(e, req);
        *ret_zxid = 0;
        *ret_err = ZK_OK;
        return ORDER_SUBMITTED;
    }
    bool is_clients =
        req->session != 0 && req->op != ZK_OP_CREATE_SESSION && req->op != ZK_OP_CLOSE_SESSION;

    *ret_err = is_clients ? session_may_write(e, req->session, SESSION_OWNER_HERE) : ZK_OK;
    if (*ret_err != ZK_OK) {
        *ret_zxid = order_refuse(e->order, req, e->wall_ms, *ret_err);
        return ORDER_SUBMITTED;
    }
    if (is_clients)
        req->ephemerals = session_may_own(e, req->session);
    return order_submit(e->order, req, e->wall_ms, ret_err, ret_zxid);
}

/* ---- Sessions that were heard. */

void queue_touch(struct ensemble *e, zk_session_id id, int32_t timeout_ms)
{
    if (e->touch_count == e->touch_cap) {
        e->touch_cap = e->touch_cap * 2 + 64;
        e->touches = zk_xrealloc(e->touches, e->touch_cap * sizeof *e->touches);
    }
    e->touches[e->touch_count++] =
        (struct session_touch){ .session_id = id, .timeout_ms = timeout_ms };
}

/* However often it is heard, it is there once: else the busy would keep the idle waiting. */
void ensemble_touch(struct ensemble *e, struct session *s)
{
    if (e->role == ZAB_LEADING || !e->serves)
        return;
    if (s->touch_number > e->touches_gone) {
        e->touches[s->touch_number - e->touches_gone - 1].timeout_ms = s->timeout_ms;
        return;
    }
    queue_touch(e, s->id, s->timeout_ms);
    s->touch_number = e->touches_gone + e->touch_count;
}

static void drop_touches(struct ensemble *e, size_t count)
{
    e->touches_gone += count;
    e->touch_count -= count;
    if (e->touch_count > 0)
        memmove(e->touches, e->touches + count, e->touch_count * sizeof *e->touches);
}

/* Never null, and with no session: empty (quorum-protocol 11.1). */
void answer_ping(struct ensemble *e, zab_link link, zk_zxid zxid)
{
    struct bytes *out = &e->scratch;
    size_t count = e->touch_count < TOUCHES_MAX ? e->touch_count : TOUCHES_MAX;

    out->len = 0;
    jute_write_i32(out, ZAB_PING);
    jute_write_i64(out, zxid);
    jute_write_i32(out, (int32_t)(count * SESSION_TOUCH_BYTES));
    for (size_t i = 0; i < count; i++)
        jute_write_session_touch(out, &e->touches[i]);
    jute_write_i32(out, -1);
    e->io.send(e->io.ctx, link, out->at, out->len);
    drop_touches(e, count);
}

/* ---- Answers. */

void serve_from_leader(struct ensemble *e, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);
    struct session_validity answer;

    if (p->type == ZAB_SYNC) {
        barrier_answered(e, p->zxid);
    } else if (p->type == ZAB_REVALIDATE) {
        jute_read_session_validity(&in, &answer);
        if (!in.bad && !relay_validity(e, answer.session_id, p))
            e->host.revalidated(e->host.ctx, answer.session_id, answer.is_valid);
    }
}

void learner_reset(struct ensemble *e)
{
    e->forwarded_first = e->forwarded_count = 0;
    e->forwarded_bytes = 0;
    drop_touches(e, e->touch_count);
    asked_forget(e);
}

/* ---- A snapshot. The old state stays until the new one is whole. */

/* What another zabd says of it. */
static int32_t flags_of(const struct zab_packet *snap)
{
    struct jute_in in = jute_inside(snap->data);
    int32_t flags;

    jute_read_i32(&in, &flags);
    return in.bad ? 0 : flags;
}

static void say_load(struct ensemble *e, const struct zab_packet *snap)
{
    unsigned long long zxid = (unsigned long long)snap->zxid;

    if ((flags_of(snap) & FEED_SNAP_DIFFERS) != 0) {
        e->figures.sync_mismatches++;
        say(e, LOG_LEVEL_ERROR,
            "digest: the state is not our leader's, a snapshot replaces it zxid=0x%llx "
            "digest=0x%llx leader=%lld leaders_zxid=0x%llx",
            (unsigned long long)order_last_applied(e->order),
            (unsigned long long)tree_digest(e->state->tree), (long long)zab_leader(e->zab), zxid);
        return;
    }
    say(e, LOG_LEVEL_INFO, "sync: a snapshot replaces our state zxid=0x%llx leader=%lld why='%s'",
        zxid, (long long)zab_leader(e->zab),
        e->state_is_void ? "ours is not to be trusted" : "too much is missing");
}

void load_begin(struct ensemble *e, zab_link link, const struct zab_packet *snap)
{
    struct state empty = { 0 };

    zk_assert(link == e->leader_link && e->load == NULL);
    say_load(e, snap);
    e->io.empty_state(e->io.ctx, &empty);
    e->load = load_stream_begin(&empty);
    e->load_zxid = snap->zxid;
    e->load_is_exact = (flags_of(snap) & FEED_SNAP_EXACT) != 0;
    e->progress_ms = e->now_ms;
}

void load_abort(struct ensemble *e)
{
    e->load = load_stream_free(e->load);
}

static void note_progress(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_PROGRESS);

    if (e->now_ms - e->progress_ms < PROGRESS_EACH_MS)
        return;
    e->progress_ms = e->now_ms;
    ev.link = e->leader_link;
    ensemble_step(e, &ev);
}

static int load_end(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_LOADED);
    struct state state = { 0 };
    int r = load_stream_end(e->load, e->load_zxid, &state);

    e->load = load_stream_free(e->load);
    if (r < 0)
        return -EBADMSG;
    e->state_is_void = state.is_fuzzy = true;
    take_state(e, &state);
    history_clear(&e->history, e->load_zxid);
    e->append_to = e->appended = e->load_zxid;
    ev.link = e->leader_link;
    ev.zxid = e->load_zxid;
    ensemble_step(e, &ev);
    return 0;
}

int64_t load_feed(struct ensemble *e, const uint8_t *at, size_t len)
{
    bool is_done = false;
    int64_t taken = load_stream_feed(e->load, at, len, &is_done);

    if (taken < 0) {
        say(e, LOG_LEVEL_ERROR, "sync: a snapshot can't be taken in why='%s'",
            load_stream_why(e->load));
        return -EBADMSG;
    }
    if (is_done && load_end(e) < 0)
        return -EBADMSG;
    if (e->load != NULL)
        note_progress(e);
    return taken;
}
