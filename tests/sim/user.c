#include "tests/sim/user.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger.h"
#include "util/check.h"

static void on_tick(struct sim *s, const struct sim_event *ev);

static void again(struct user *u, int64_t min_us, int64_t max_us)
{
    sim_at(u->sim, sim_between(u->sim, min_us, max_us), on_tick, u->index, 0, NULL);
}

struct user *user_new(struct sim *s, size_t index)
{
    struct user *u = zk_xcalloc(1, sizeof *u);

    u->sim = s;
    u->index = index;
    again(u, 0, 50 * SIM_MS);
    return u;
}

struct user *user_free(struct user *u)
{
    if (u == NULL)
        return NULL;
    watches_done(&u->watches);
    free(u->sequentials);
    free(u);
    return NULL;
}

bool user_is_idle(const struct user *u)
{
    return u->phase == USER_UP && u->line_count == 0;
}

/* ---- Coming and going. */

static void lose_line(struct user *u)
{
    bool closes = false;

    for (size_t i = 0; i < u->line_count; i++) {
        work_lost(u, &u->line[i]);
        closes = closes || u->line[i].errand == ERRAND_CLOSE;
    }
    u->line_count = 0;
    if (closes) /* Who has closed a session does not come back to it. */
        user_forget_session(u);
}

void user_leave(struct user *u)
{
    if (u->talk != NULL)
        talk_hang_up(u->sim, u->talk);
    u->talk = NULL;
    u->phase = USER_AWAY;
    u->since_us = u->sim->now_us;
    lose_line(u);
}

void user_forget_session(struct user *u)
{
    u->session = 0;
    u->has_ephemeral = false;
    watches_done(&u->watches);
}

static void call_server(struct user *u)
{
    struct sim *s = u->sim;
    static const uint8_t zeros[16];
    size_t member = (size_t)sim_below(s, s->member_count);
    struct connect_request req = {
        .last_zxid_seen = u->seen,
        .timeout_ms = (int32_t)s->conf.session_ms,
        .session_id = u->session,
        .passwd = { .at = u->session != 0 ? u->password : zeros, .len = 16 },
    };
    struct bytes frame = { 0 };

    jute_write_connect_request(&frame, &req);
    jute_write_flag(&frame, false);
    u->talk = talk_open(s, u->index, member);
    u->member = member;
    u->phase = USER_CONNECTING;
    u->since_us = u->heard_us = s->now_us;
    talk_say(s, u->talk, &frame);
}

static void on_connected(struct user *u, struct jute_in *in)
{
    struct sim *s = u->sim;
    struct connect_response r;

    jute_read_connect_response(in, &r);
    if (in->bad) {
        sim_fail(s, "client %zu: a response that cannot be read", u->index);
        return;
    }
    if (r.timeout_ms <= 0) {
        sim_trace(s, "client %zu: session 0x%" PRIx64 " is over", u->index, (uint64_t)u->session);
        ledger_expired(s, u->session);
        if (s->is_settled)
            sim_fail(s, "client %zu lost its session 0x%" PRIx64 " while all was quiet", u->index,
                     (uint64_t)u->session);
        user_leave(u);
        user_forget_session(u);
        return;
    }
    if (u->session != 0 && u->session != r.session_id)
        sim_fail(s, "client %zu came with session 0x%" PRIx64 " and has 0x%" PRIx64, u->index,
                 (uint64_t)u->session, (uint64_t)r.session_id);
    if (u->session != 0)
        s->seen[SEEN_SESSIONS_MOVED]++;
    else
        u->xid = 0;
    u->session = r.session_id;
    u->timeout_ms = r.timeout_ms;
    memcpy(u->password, r.passwd.at, 16);
    u->phase = USER_UP;
    u->since_us = s->now_us;
    sim_trace(s, "client %zu is at %zu with session 0x%" PRIx64, u->index, u->member + 1,
              (uint64_t)u->session);
    if (u->watches.count > 0)
        work_set_watches(u);
}

/* ---- What comes. */

static void on_event(struct user *u, struct jute_in *in)
{
    struct watcher_event ev;
    char path[64];

    jute_read_watcher_event(in, &ev);
    zk_assert(!in->bad && ev.path.len >= 0 && (size_t)ev.path.len < sizeof path);
    memcpy(path, ev.path.at, (size_t)ev.path.len);
    path[ev.path.len] = '\0';
    u->sim->seen[SEEN_WATCHES_FIRED]++;
    sim_trace(u->sim, "client %zu hears of %s: event %d", u->index, path, ev.type);
    if (!watches_fire(&u->watches, ev.type, path))
        sim_fail(u->sim, "client %zu: event %d for %s, which it does not watch (any more)",
                 u->index, ev.type, path);
}

static void on_reply(struct user *u, const struct reply_header *head, struct jute_in *in)
{
    struct sim *s = u->sim;

    if (u->line_count == 0 || u->line[0].xid != head->xid) {
        sim_fail(s, "client %zu: a reply to xid %d, which is not the next", u->index, head->xid);
        return;
    }
    if (head->zxid > 0 && head->zxid < u->seen)
        sim_fail(s, "client %zu has seen 0x%" PRIx64 ", and is answered from 0x%" PRIx64, u->index,
                 (uint64_t)u->seen, (uint64_t)head->zxid);
    if (head->zxid > u->seen)
        u->seen = head->zxid;

    struct asked what = u->line[0];

    u->line_count--;
    memmove(u->line, u->line + 1, u->line_count * sizeof *u->line);
    work_answered(u, &what, head, in);
}

void user_heard(struct sim *s, size_t user, uint64_t talk, struct jute_in *frame)
{
    struct user *u = s->users[user];
    struct reply_header head;

    if (u->talk == NULL || u->talk->id != talk || s->failed)
        return;
    u->heard_us = s->now_us;
    if (frame == NULL) {
        u->talk = NULL;
        u->phase = USER_AWAY;
        u->since_us = s->now_us;
        lose_line(u);
        return;
    }
    if (u->phase == USER_CONNECTING) {
        on_connected(u, frame);
        return;
    }
    jute_read_reply_header(frame, &head);
    if (frame->bad)
        sim_fail(s, "client %zu: a reply that cannot be read", u->index);
    else if (head.xid == ZK_XID_WATCH)
        on_event(u, frame);
    else
        on_reply(u, &head, frame);
}

/* ---- Its own clock. */

static void while_up(struct user *u)
{
    struct sim *s = u->sim;
    int64_t silence_ms = (s->now_us - u->heard_us) / SIM_MS;

    if (silence_ms > u->timeout_ms * 2 / 3 && u->line_count > 0) {
        sim_trace(s, "client %zu has patience no more", u->index);
        user_leave(u);
    } else if (!s->calm && sim_chance(s, 3)) {
        user_leave(u); /* It moves for no reason. */
    } else if (silence_ms > u->timeout_ms / 3 && u->line_count == 0) {
        work_ping(u);
    } else if (!u->is_resting && u->line_count < USER_LINE_MAX) {
        work_next(u);
    }
}

static void on_tick(struct sim *s, const struct sim_event *ev)
{
    struct user *u = s->users[ev->a];
    int64_t waited_us = s->now_us - u->since_us;

    switch (u->phase) {
    case USER_AWAY:
        call_server(u);
        break;
    case USER_CONNECTING:
        if (waited_us > s->conf.session_ms * SIM_MS / 3)
            user_leave(u);
        break;
    case USER_UP:
        while_up(u);
        break;
    }
    again(u, 500, u->phase == USER_UP ? 20 * SIM_MS : 60 * SIM_MS);
}

/* ---- The end. */

void user_check_end(struct user *u, const struct tree *t)
{
    struct sim *s = u->sim;
    char path[64];
    const struct watch_entry *e = watches_slept_at_all(&u->watches, t);

    if (e != NULL)
        sim_fail(s, "client %zu: its watch of %s never fired, but it changed", u->index, e->path);
    for (size_t i = 0; i < u->sequential_count; i++) {
        (void)snprintf(path, sizeof path, "/q/c-%010d", u->sequentials[i]);
        if (tree_find(t, jute_text(path)) == NULL)
            sim_fail(s, "client %zu was told that it created %s, and it is gone", u->index, path);
    }
    if (u->has_ephemeral) {
        (void)snprintf(path, sizeof path, "/e/u%zu", u->index);

        const struct znode *n = tree_find(t, jute_text(path));
        struct znode_raw raw = { 0 };

        if (n != NULL)
            znode_raw(t, n, &raw);
        if (raw.owner != u->session)
            sim_fail(s, "client %zu lost its ephemeral, but not its session 0x%" PRIx64, u->index,
                     (uint64_t)u->session);
    }
}
