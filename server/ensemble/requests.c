/* The leader's side of what learners ask for: writes, sessions, sync (quorum-protocol 4.6, 4.8,
 * 4.9). Every write gets a txn, be it an error, since somebody waits for it. */
#include <errno.h>
#include <stdlib.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"
#include "zab/mutation.h"

/* ---- Sessions. */

/* Whether a session that we do not track may be a learner's local one. */
static bool may_be_local(const struct ensemble *e, zk_session_id id)
{
    return e->conf.local_sessions && (uint8_t)((uint64_t)id >> 56) != (uint8_t)e->conf.zab.self;
}

/* One that only waits for a word on whether it lives is none. */
static struct session *known_session(const struct ensemble *e, zk_session_id id)
{
    struct session *s = session_find(e->sessions, id);

    return s != NULL && (s->is_local || session_is_tracked(s)) ? s : NULL;
}

enum zk_err session_may_write(struct ensemble *e, zk_session_id id, uint64_t from)
{
    struct session *s = known_session(e, id);

    if (s == NULL)
        return may_be_local(e, id) ? ZK_OK : ZK_SESSION_EXPIRED;
    if (s->closing)
        return ZK_SESSION_EXPIRED;
    if (s->owner == 0)
        s->owner = from;
    return s->owner == from ? ZK_OK : ZK_SESSION_MOVED;
}

enum zk_err session_may_own(const struct ensemble *e, zk_session_id id)
{
    if (!e->conf.local_sessions)
        return ZK_OK;
    const struct session *s = known_session(e, id);
    bool is_global = s != NULL && (!s->is_local || s->is_upgrading);

    return is_global ? ZK_OK : ZK_EPHEMERAL_ON_LOCAL_SESSION;
}

/* createSession and closeSession take effect on the table when they are ordered. */
void note_session(struct ensemble *e, const struct write_request *req, uint64_t from,
                  enum zk_err err)
{
    struct session *s;

    if (err != ZK_OK)
        return;
    if (req->op == ZK_OP_CREATE_SESSION && from != SESSION_OWNER_HERE) {
        struct jute_in in = jute_in(req->body, req->len);
        struct create_session_txn txn;

        jute_read_create_session_txn(&in, &txn);
        s = session_add(e->sessions, req->session, txn.timeout_ms, e->now_ms);
        s->timeout_ms = txn.timeout_ms;
        s->owner = from;
        session_touch(e->sessions, s, e->now_ms);
    } else if (req->op == ZK_OP_CLOSE_SESSION) {
        s = session_find(e->sessions, req->session);
        if (s != NULL)
            s->closing = true;
    }
}

/* Known to all, and not on its way out. */
static struct session *global_session(struct ensemble *e, zk_session_id id)
{
    struct session *s = known_session(e, id);
    int32_t ignored;

    if (s == NULL || s->closing || s->is_local)
        return NULL;
    if (e->conf.local_sessions && !session_book_get(e->state->sessions, id, &ignored))
        return NULL;
    return s;
}

static bool adopt_session(struct ensemble *e, zk_session_id id, int32_t timeout_ms, uint64_t owner)
{
    struct session *s = global_session(e, id);

    if (s == NULL)
        return false;
    s->timeout_ms = timeout_ms;
    s->owner = owner;
    session_touch(e->sessions, s, e->now_ms);
    return true;
}

/* That a session is over is final for its client. So whoever leads says it only once a quorum has
 * confirmed that it leads still: another may have made the session meanwhile. 1, or 0: there is no
 * need for that, or -EBUSY: too many wait. */
static int answer_later(struct ensemble *e, zab_link link, zk_session_id id, int32_t timeout_ms)
{
    struct barrier b = {
        .confirm = zab_confirm(e->zab), .link = link, .session = id, .timeout_ms = timeout_ms
    };

    if (b.confirm == 0 || id == 0)
        return 0;
    if (e->barrier_count >= BARRIERS_MAX)
        return -EBUSY;
    e->wants_pings = true;
    barrier_add(e, &b);
    return 1;
}

static void send_validity(struct ensemble *e, zab_link link, zk_session_id id, bool is_valid)
{
    uint8_t data[9];

    *jute_store64(data, (uint64_t)id) = is_valid;
    struct zab_packet answer = { .type = ZAB_REVALIDATE,
                                 .zxid = -1,
                                 .data = { .at = data, .len = sizeof data },
                                 .authinfo = { .count = -1 } };
    feed_send_behind_all(e, link, &answer);
}

void session_answer(struct ensemble *e, const struct barrier *b)
{
    uint64_t owner = b->link != 0 ? b->link : SESSION_OWNER_HERE;
    bool is_valid = adopt_session(e, b->session, b->timeout_ms, owner);

    if (b->link != 0)
        send_validity(e, b->link, b->session, is_valid);
    else
        e->host.revalidated(e->host.ctx, b->session, is_valid);
}

static void revalidate(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);
    struct session_touch ask;

    jute_read_session_touch(&in, &ask);
    if (in.bad) {
        close_link(e, link, "a REVALIDATE can't be read");
        return;
    }
    e->figures.revalidations++;
    if (adopt_session(e, ask.session_id, ask.timeout_ms, link)) {
        send_validity(e, link, ask.session_id, true);
        return;
    }
    int r = answer_later(e, link, ask.session_id, ask.timeout_ms);
    if (r == 0)
        send_validity(e, link, ask.session_id, false);
    else if (r < 0)
        close_link(e, link, "too many of its sessions wait for a quorum's word");
}

static void touch_all(struct ensemble *e, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);

    while (jute_left(&in) > 0) {
        struct session_touch touch;

        jute_read_session_touch(&in, &touch);
        if (in.bad)
            return;
        struct session *s = known_session(e, touch.session_id);
        if (s == NULL || s->closing || ZAB_MUTATED(FORGET_TOUCHES))
            continue;
        s->timeout_ms = touch.timeout_ms;
        session_touch(e->sessions, s, e->now_ms);
    }
}

/* ---- Writes. */

/* Mostly the same client's server as before, with the same identities. NULL: more than we take. */
static struct idset *ids_of(struct ensemble *e, struct jute_vector ids)
{
    if (e->ids != NULL && ids.count == e->ids_count && ids.len == e->ids_bytes.len &&
        (ids.len == 0 || memcmp(ids.at, e->ids_bytes.at, ids.len) == 0))
        return e->ids;
    struct idset *made = idset_of_ids(ids);

    if (made == NULL)
        return NULL;
    (void)idset_unref(e->ids);
    e->ids = made;
    e->ids_count = ids.count;
    e->ids_bytes.len = 0;
    bytes_put(&e->ids_bytes, ids.at, ids.len);
    return made;
}

static enum zk_err judge(struct ensemble *e, const struct write_request *req, zab_link link)
{
    if (!zk_op_is_write(req->op))
        return ZK_UNIMPLEMENTED; /* No server sends it. */
    /* Who asks is not looked at: such a session may always end. */
    if (req->op == ZK_OP_CREATE_SESSION || req->op == ZK_OP_CLOSE_SESSION)
        return ZK_OK;
    enum zk_err err = session_may_write(e, req->session, link);

    /* ZooKeeper takes any number of identities from a client, so this is no fault of its server. */
    return err == ZK_OK && req->ids == NULL ? ZK_AUTH_FAILED : err;
}

static void order_request(struct ensemble *e, struct write_request *req, zab_link link)
{
    enum zk_err err = judge(e, req, link);
    zk_zxid zxid;

    req->ephemerals = session_may_own(e, req->session);
    if (err == ZK_OK && order_submit(e->order, req, e->wall_ms, &err, &zxid) == ORDER_SUBMITTED) {
        note_session(e, req, link, err);
        return;
    }
    (void)order_refuse(e->order, req, e->wall_ms, err);
}

/* A learner's sync: SYNC in its place, once a quorum has said that we lead still. */
static void order_sync(struct ensemble *e, zab_link link)
{
    if (e->barrier_count >= BARRIERS_MAX) {
        close_link(e, link, "too many of its syncs wait");
        return;
    }
    struct barrier b = { .confirm = zab_confirm(e->zab), .link = link, .zxid = order_end(e) };

    e->wants_pings = e->wants_pings || b.confirm != 0;
    barrier_add(e, &b);
    barriers_look(e);
}

static void carry_out(struct ensemble *e, struct write_request *req, zab_link link)
{
    if (req->op == ZK_OP_SYNC)
        order_sync(e, link);
    else
        order_request(e, req, link);
}

/* ---- Those that there is no room for. The link can't be left unread: acknowledgements come on
 * it, and they are what makes room. Should it end meanwhile, they are gone as what is on the wire:
 * they are the last that it brought, and who made them is told of no end. */

static bool park(struct ensemble *e, const struct write_request *req, struct idset *ids,
                 zab_link link)
{
    size_t size = req->len + PARKED_OVERHEAD_BYTES;
    struct feed *f = feed_find(e, link);

    if (f == NULL || f->parked_bytes + size > PARKED_BYTES_MAX)
        return false;
    struct parked *p = zk_xmalloc(sizeof *p + req->len);

    *p = (struct parked){ .link = link,
                          .session = req->session,
                          .xid = req->xid,
                          .op = req->op,
                          .ids = ids != NULL ? idset_ref(ids) : NULL,
                          .len = req->len };
    if (req->len > 0)
        memcpy(p->body, req->body, req->len);
    list_append(&e->parked, &p->in_all);
    f->parked_bytes += size;
    return true;
}

static void parked_unlink(struct ensemble *e, struct parked *p)
{
    struct feed *f = feed_find(e, p->link);

    list_remove(&p->in_all);
    if (f != NULL)
        f->parked_bytes -= p->len + PARKED_OVERHEAD_BYTES;
}

static void parked_free(struct parked *p)
{
    (void)idset_unref(p->ids);
    free(p);
}

static bool has_room(const struct ensemble *e)
{
    return zab_can_submit(e->zab) && order_can_submit(e->order);
}

void parked_run(struct ensemble *e)
{
    while (!list_is_empty(&e->parked) && has_room(e)) {
        struct parked *p = list_entry(e->parked.next, struct parked, in_all);
        struct write_request req = { .session = p->session,
                                     .xid = p->xid,
                                     .op = p->op,
                                     .body = p->body,
                                     .len = p->len,
                                     .ids = p->ids };

        parked_unlink(e, p); /* It may close its link, and so end what waits, or all. */
        carry_out(e, &req, p->link);
        parked_free(p);
    }
}

void parked_forget(struct ensemble *e, zab_link link)
{
    list_each_safe(it, &e->parked)
    {
        struct parked *p = list_entry(it, struct parked, in_all);
        if (p->link != link)
            continue;
        parked_unlink(e, p);
        parked_free(p);
    }
}

void parked_forget_all(struct ensemble *e)
{
    list_each_safe(it, &e->parked)
    {
        struct parked *p = list_entry(it, struct parked, in_all);
        parked_unlink(e, p);
        parked_free(p);
    }
}

void requests_done(struct ensemble *e)
{
    parked_forget_all(e);
    e->ids = idset_unref(e->ids);
    bytes_done(&e->ids_bytes);
}

/* ---- ZAB_DO_SERVE. */

static void take_request(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct jute_in in = jute_inside(p->data);
    struct forwarded_request head;

    jute_read_forwarded_request(&in, &head);
    if (in.bad) {
        close_link(e, link, "a REQUEST can't be read");
        return;
    }
    struct idset *ids = ids_of(e, p->authinfo);
    struct write_request req = { .session = head.session_id,
                                 .xid = head.cxid,
                                 .op = head.type,
                                 .body = in.at,
                                 .len = jute_left(&in),
                                 .ids = ids };
    if (list_is_empty(&e->parked) && has_room(e))
        carry_out(e, &req, link);
    else if (!park(e, &req, ids, link))
        close_link(e, link, "too many of its requests wait");
}

void serve_learner(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    if (!e->serves)
        return; /* It will ask the next leader. */
    if (p->type == ZAB_REQUEST)
        take_request(e, link, p);
    else if (p->type == ZAB_REVALIDATE)
        revalidate(e, link, p);
    else if (p->type == ZAB_PING)
        touch_all(e, p);
}

/* ---- Our own request floor. */

int ensemble_revalidate(struct ensemble *e, zk_session_id id, int32_t timeout_ms)
{
    if (e->serves && e->role == ZAB_LEADING) {
        if (adopt_session(e, id, timeout_ms, SESSION_OWNER_HERE))
            return 1;
        int r = answer_later(e, 0, id, timeout_ms);
        return r > 0 ? -1 : r;
    }
    uint8_t data[12];
    struct zab_packet ask = { .type = ZAB_REVALIDATE,
                              .zxid = -1,
                              .data = { .at = data, .len = sizeof data },
                              .authinfo = { .count = -1 } };

    (void)jute_store32(jute_store64(data, (uint64_t)id), (uint32_t)timeout_ms);
    if (e->serves && e->leader_link != 0) {
        /* Whose answer is whose matters only with observers. */
        if (e->conf.zab.observer_masters && e->role == ZAB_FOLLOWING)
            (void)asked_add(e, id, 0);
        send_packet(e, e->leader_link, &ask);
    }
    return -1;
}
