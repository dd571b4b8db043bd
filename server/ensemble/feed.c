#include "server/ensemble/feed.h"

#include <stdlib.h>

#include "jute/opcodes.h"
#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"

enum { PACKET_HEAD = 12, NULL_BYTES = 4 };

/* ---- Packets. */

static uint8_t *store_head(uint8_t *p, int32_t type, zk_zxid zxid)
{
    return jute_store64(jute_store32(p, (uint32_t)type), (uint64_t)zxid);
}

void put_bare(struct bytes *out, int32_t type, zk_zxid zxid)
{
    uint8_t *p = store_head(bytes_room(out, PACKET_HEAD + 2 * NULL_BYTES), type, zxid);

    (void)jute_store32(jute_store32(p, UINT32_MAX), UINT32_MAX);
    bytes_added(out, PACKET_HEAD + 2 * NULL_BYTES);
}

void put_proposal(struct bytes *out, int32_t type, zk_zxid zxid, const uint8_t *payload,
                  uint32_t len)
{
    size_t size = PACKET_HEAD + 2 * NULL_BYTES + (size_t)len;
    uint8_t *p = store_head(bytes_room(out, size), type, zxid);

    p = jute_store32(p, len);
    memcpy(p, payload, len);
    (void)jute_store32(p + len, UINT32_MAX);
    bytes_added(out, size);
}

static const struct activation *activation_of(const struct ensemble *e, zk_zxid zxid)
{
    for (size_t i = 0; i < e->activation_count; i++)
        if (e->activations[i].zxid == zxid)
            return &e->activations[i];
    return NULL;
}

/* COMMIT, or what it is for a reconfiguration. */
static void put_commit(const struct ensemble *e, struct bytes *out, zk_zxid zxid)
{
    const struct activation *a = activation_of(e, zxid);

    if (a == NULL) {
        put_bare(out, ZAB_COMMIT, zxid);
        return;
    }
    uint8_t *p =
        store_head(bytes_room(out, PACKET_HEAD + 2 * NULL_BYTES + 8), ZAB_COMMITANDACTIVATE, zxid);

    p = jute_store64(jute_store32(p, 8), (uint64_t)a->designated);
    (void)jute_store32(p, UINT32_MAX);
    bytes_added(out, PACKET_HEAD + 2 * NULL_BYTES + 8);
}

static void put_inform(const struct ensemble *e, struct bytes *out, const struct wal_txn *t,
                       const uint8_t *payload)
{
    const struct activation *a = activation_of(e, t->zxid);

    if (a == NULL) {
        put_proposal(out, ZAB_INFORM, t->zxid, payload, t->len);
        return;
    }
    size_t size = PACKET_HEAD + 2 * NULL_BYTES + 8 + (size_t)t->len;
    uint8_t *p = store_head(bytes_room(out, size), ZAB_INFORMANDACTIVATE, t->zxid);

    p = jute_store64(jute_store32(p, t->len + 8), (uint64_t)a->designated);
    memcpy(p, payload, t->len);
    (void)jute_store32(p + t->len, UINT32_MAX);
    bytes_added(out, size);
}

/* ---- Life. */

struct feed *feed_find(struct ensemble *e, zab_link link)
{
    list_each(it, &e->feeds)
    {
        struct feed *f = list_entry(it, struct feed, in_all);
        if (f->link == link)
            return f;
    }
    return NULL;
}

void feed_end(struct ensemble *e, struct feed *f)
{
    list_remove(&f->in_all);
    f->dump = dump_stream_free(f->dump, e->state);
    if (f->log != NULL)
        e->io.log_close(e->io.ctx, f->log);
    for (struct control *c = f->first, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(f);
}

void feed_end_all(struct ensemble *e)
{
    list_each_safe(it, &e->feeds) feed_end(e, list_entry(it, struct feed, in_all));
    e->proposals.bytes.len = e->commits.bytes.len = 0;
}

zk_zxid feed_lowest(const struct ensemble *e)
{
    zk_zxid lowest = INT64_MAX;

    list_each(it, &e->feeds)
    {
        const struct feed *f = list_entry(it, struct feed, in_all);
        zk_zxid at = f->committed < f->proposed ? f->committed : f->proposed;
        if (at < lowest)
            lowest = at;
    }
    return lowest;
}

static void send_bytes(struct ensemble *e, struct feed *f, const struct bytes *b)
{
    f->sent_bytes += b->len;
    e->io.send(e->io.ctx, f->link, b->at, b->len);
}

/* ---- Control packets. */

/* A server of ZooKeeper matches what comes back with the oldest request that it forwarded, of all
 * its sessions: a commit that overtook the SYNC of an earlier sync would leave both without an
 * answer for ever. So none does. */
static zk_zxid commit_limit(const struct ensemble *e, const struct feed *f)
{
    if (f->is_zabd)
        return INT64_MAX;
    for (const struct control *c = f->first; c != NULL; c = c->next)
        if (c->is_sync)
            return c->committed;
    return barrier_owed(e, f->link);
}

static zk_zxid committed_by(const struct ensemble *e, const struct feed *f)
{
    zk_zxid committed = zab_committed(e->zab);
    zk_zxid limit = commit_limit(e, f);

    if (committed < f->history)
        committed = f->history;
    return committed < limit ? committed : limit;
}

/* The last txn that there is up to zxid: what a cursor can reach. */
static zk_zxid last_upto(const struct ensemble *e, zk_zxid zxid)
{
    struct history_place at;
    const uint8_t *payload;

    if (!history_before(&e->history, zxid + 1, &at))
        return e->history.floor;
    return history_at(&e->history, at, &payload)->zxid;
}

/* Where the cursors must be for what is queued now. An observer's are one. */
static void place_of(const struct ensemble *e, const struct feed *f, struct control *c)
{
    c->committed = last_upto(e, committed_by(e, f));
    c->proposed = f->is_observer ? c->committed : history_last(&e->history);
}

static bool is_passed(const struct feed *f, const struct control *c)
{
    return f->stage == FEED_TXNS && f->proposed >= c->proposed && f->committed >= c->committed;
}

/* What is in scratch, at once or as a copy of *place. */
static void send_or_queue(struct ensemble *e, struct feed *f, const struct control *place)
{
    if (f->first == NULL && is_passed(f, place)) {
        f->is_greeted = f->is_greeted || place->is_newleader;
        send_bytes(e, f, &e->scratch);
        return;
    }
    struct control *c = zk_xmalloc(sizeof *c + e->scratch.len);

    *c = *place;
    c->len = e->scratch.len;
    memcpy(c->at, e->scratch.at, c->len);
    if (f->last == NULL)
        f->first = c;
    else
        f->last->next = c;
    f->last = c;
    f->control_bytes += c->len;
}

void feed_send(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct feed *f = feed_find(e, link);
    struct control place = { .is_newleader = p->type == ZAB_NEWLEADER };

    e->scratch.len = 0;
    zab_packet_write(p, &e->scratch);
    if (f == NULL) {
        e->io.send(e->io.ctx, link, e->scratch.at, e->scratch.len);
        return;
    }
    place_of(e, f, &place);
    send_or_queue(e, f, &place);
}

void feed_send_behind_all(struct ensemble *e, zab_link link, const struct zab_packet *p)
{
    struct feed *f = feed_find(e, link);
    struct control place = { 0 };

    if (f == NULL)
        return; /* It is gone. */
    place_of(e, f, &place);
    /* The last of them may not be in the history yet; it will be. */
    if (order_outstanding(e->order) > 0 && place.proposed < order_last_prepared(e->order))
        place.proposed = order_last_prepared(e->order);
    if (f->is_observer)
        place.committed = place.proposed;
    e->scratch.len = 0;
    zab_packet_write(p, &e->scratch);
    send_or_queue(e, f, &place);
}

void feed_send_sync(struct ensemble *e, zab_link link, zk_zxid zxid)
{
    struct feed *f = feed_find(e, link);
    struct control place = { .is_sync = true };

    if (f == NULL)
        return; /* It is gone. */
    place.proposed = place.committed = last_upto(e, zxid);
    e->scratch.len = 0;
    /* Commits may have overtaken it on their way to a zabd, which needs to know by which: observers
     * of ZooKeeper may stand behind it (commit_limit()). */
    put_bare(&e->scratch, ZAB_SYNC, f->is_zabd ? place.committed : 0);
    send_or_queue(e, f, &place);
}

static void pass_controls(struct ensemble *e, struct feed *f)
{
    while (f->first != NULL && is_passed(f, f->first)) {
        struct control *c = f->first;

        f->first = c->next;
        if (f->first == NULL)
            f->last = NULL;
        f->control_bytes -= c->len;
        f->sent_bytes += c->len;
        f->is_greeted = f->is_greeted || c->is_newleader;
        e->io.send(e->io.ctx, f->link, c->at, c->len);
        free(c);
    }
}

/* ---- Txns. Each encodes one run of packets, at most a chunk, and moves the cursors. False: there
 * was nothing to be sent. */

static bool send_encoded(struct ensemble *e, struct feed *f, const struct encoded *c)
{
    send_bytes(e, f, &c->bytes);
    return true;
}

/* What is decided, behind the last COMMIT: PROPOSAL and COMMIT of each, or INFORM. */
static bool send_decided(struct ensemble *e, struct feed *f, zk_zxid upto, bool informs)
{
    struct bytes *out = &e->scratch;
    struct history_place at;

    if (f->committed >= upto || !history_after(&e->history, f->committed, &at))
        return false;
    out->len = 0;
    do {
        const uint8_t *payload;
        const struct wal_txn *t = history_at(&e->history, at, &payload);

        if (t->zxid > upto)
            break;
        if (informs) {
            put_inform(e, out, t, payload);
        } else {
            put_proposal(out, ZAB_PROPOSAL, t->zxid, payload, t->len);
            put_bare(out, ZAB_COMMIT, t->zxid);
        }
        f->proposed = f->committed = t->zxid;
    } while (out->len < FEED_CHUNK_BYTES && history_next(&e->history, &at));
    if (out->len == 0)
        return false;
    send_bytes(e, f, out);
    return true;
}

static bool send_proposals(struct ensemble *e, struct feed *f)
{
    struct encoded *c = &e->proposals;
    struct history_place at;

    if (f->proposed >= history_last(&e->history))
        return false;
    if (c->from != f->proposed || c->bytes.len == 0) {
        if (!history_after(&e->history, f->proposed, &at))
            return false;
        c->from = f->proposed;
        c->bytes.len = 0;
        do {
            const uint8_t *payload;
            const struct wal_txn *t = history_at(&e->history, at, &payload);

            put_proposal(&c->bytes, ZAB_PROPOSAL, t->zxid, payload, t->len);
            c->to = t->zxid;
            e->proposals_sent++;
        } while (c->bytes.len < FEED_CHUNK_BYTES && history_next(&e->history, &at));
    }
    f->proposed = c->to;
    return send_encoded(e, f, c);
}

static bool send_commits(struct ensemble *e, struct feed *f, zk_zxid upto)
{
    struct encoded *c = &e->commits;
    struct history_place at;

    if (upto > f->proposed)
        upto = f->proposed;
    if (f->committed >= upto)
        return false;
    if (c->from != f->committed || c->bytes.len == 0 || c->to > upto) {
        if (!history_after(&e->history, f->committed, &at))
            return false;
        c->from = c->to = f->committed;
        c->bytes.len = 0;
        do {
            const uint8_t *payload;
            const struct wal_txn *t = history_at(&e->history, at, &payload);

            if (t->zxid > upto)
                break;
            put_commit(e, &c->bytes, t->zxid);
            c->to = t->zxid;
        } while (c->bytes.len < FEED_CHUNK_BYTES && history_next(&e->history, &at));
        if (c->bytes.len == 0)
            return false;
    }
    f->committed = c->to;
    return send_encoded(e, f, c);
}

/* Before NEWLEADER observers get what followers get in a sync, up to where it stands. */
static bool send_to_observer(struct ensemble *e, struct feed *f, zk_zxid committed)
{
    if (f->is_greeted)
        return send_decided(e, f, committed, true);
    for (const struct control *c = f->first; c != NULL; c = c->next)
        if (c->is_newleader && c->committed < committed)
            committed = c->committed;
    return send_decided(e, f, committed, false);
}

/* Whether txns are missing between what it was sent and what it must have before NEWLEADER. Nothing
 * may be skipped, whatever went wrong here. */
static bool has_hole(const struct ensemble *e, const struct feed *f)
{
    /* The begin of an epoch is no txn. */
    return history_last(&e->history) < f->history && zxid_counter(f->history) != 0;
}

static bool send_txns(struct ensemble *e, struct feed *f)
{
    zk_zxid committed = committed_by(e, f);

    if (f->is_observer)
        return send_to_observer(e, f, committed);
    if (f->committed < f->history) {
        if (send_decided(e, f, f->history, false))
            return true;
        if (has_hole(e, f)) {
            close_link(e, f->link, "our history has a hole");
            return false;
        }
        f->committed = f->history; /* There are no more. */
        if (f->proposed < f->history)
            f->proposed = f->history;
    }
    return send_proposals(e, f) || send_commits(e, f, committed);
}

/* ---- Running. */

/* Whether what comes next is still in memory. */
static bool is_overrun(const struct ensemble *e, const struct feed *f)
{
    zk_zxid at = f->committed < f->proposed ? f->committed : f->proposed;

    return f->stage == FEED_TXNS && at < e->history.floor;
}

/* The core gives a learner that does not answer yet more time while bytes move. */
static void note_progress(struct ensemble *e, struct feed *f)
{
    if (f->first == NULL || f->sent_bytes == f->told_bytes ||
        e->now_ms - f->progress_ms < PROGRESS_EACH_MS)
        return;
    f->progress_ms = e->now_ms;
    f->told_bytes = f->sent_bytes;
    struct zab_event ev = ensemble_event(e, ZAB_EV_PROGRESS);
    ev.link = f->link;
    ensemble_step(e, &ev);
}

static bool has_room(const struct ensemble *e, const struct feed *f)
{
    return e->io.unsent(e->io.ctx, f->link) < e->conf.feed_bytes_max;
}

/* False: it is up to date, waits for room on its link, or has had its share. */
static bool run_once(struct ensemble *e, struct feed *f, size_t *slice)
{
    switch (f->stage) {
    case FEED_SNAP:
        return feed_run_snap(e, f, slice);
    case FEED_LOG:
        return feed_run_log(e, f, slice);
    case FEED_TXNS:
        break;
    }
    pass_controls(e, f);
    return send_txns(e, f);
}

static void run(struct ensemble *e, struct feed *f, size_t *slice)
{
    zab_link link = f->link;

    if (is_overrun(e, f) || f->control_bytes > FEED_CONTROL_BYTES_MAX) {
        close_link(e, link, "it lags too far behind");
        return;
    }
    while (has_room(e, f) && run_once(e, f, slice)) {
        if (feed_find(e, link) == NULL)
            return;
        if (is_overrun(e, f)) {
            close_link(e, link, "it lags too far behind");
            return;
        }
    }
    if (feed_find(e, link) == NULL)
        return;
    if (has_room(e, f)) {
        pass_controls(e, f);
        e->has_work = e->has_work || f->stage != FEED_TXNS;
    }
    note_progress(e, f);
}

/* With what is left of a turn's share of slow work. */
static void run_with_share(struct ensemble *e, zab_link link, size_t *left)
{
    struct feed *f = feed_find(e, link);
    size_t share = *left < FEED_SLICE_BYTES ? *left : FEED_SLICE_BYTES;
    size_t slice = share;

    if (f == NULL)
        return;
    run(e, f, &slice);
    *left -= share - slice;
    f = feed_find(e, link);
    if (f != NULL && slice < share) {
        list_remove(&f->in_all);
        list_append(&e->feeds, &f->in_all);
    }
}

void feed_run_all(struct ensemble *e)
{
    /* A step may close any of them: the list is walked by links. */
    zab_link links[FEEDS_MAX];
    size_t count = 0;
    size_t left = FEED_TURN_BYTES;

    e->has_work = false;
    list_each(it, &e->feeds)
    {
        if (count < FEEDS_MAX)
            links[count++] = list_entry(it, struct feed, in_all)->link;
    }
    for (size_t i = 0; i < count; i++)
        run_with_share(e, links[i], &left);
}

bool feed_has_work(const struct ensemble *e)
{
    return e->has_work;
}
