#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/impl.h"
#include "jute/frame.h"
#include "util/check.h"

/* ---- What is said first on a connection. */

void session_greet(struct zabc *c)
{
    static const uint8_t zeros[16];
    struct bytes *out = &c->link.out;
    size_t frame = jute_frame_begin(out);
    /* A session that a read-only server made is known to nobody else. */
    bool resumes = c->session_id != 0 && c->saw_rw_server;
    const struct connect_request r = {
        .last_zxid_seen = c->last_zxid,
        .timeout_ms = c->conf.timeout_ms,
        .session_id = resumes ? c->session_id : 0,
        .passwd =
            resumes ? zabc_passwd(c) : (struct jute_bytes){ .at = zeros, .len = sizeof zeros },
    };

    jute_write_connect_request(out, &r);
    jute_write_flag(out, c->conf.takes_read_only);
    jute_frame_end(out, frame);
}

static void begin_frame(struct bytes *out, size_t *ret, int32_t xid, int32_t type)
{
    const struct request_header header = { .xid = xid, .type = type };

    *ret = jute_frame_begin(out);
    jute_write_request_header(out, &header);
}

static void say_identities(struct zabc *c)
{
    struct bytes *out = &c->link.out;

    for (; c->identities_sent < c->identities_count; c->identities_sent++) {
        const struct identity *id = &c->identities[c->identities_sent];
        const struct auth_packet r = {
            .scheme = jute_text(id->scheme),
            .auth = { .at = id->auth.at, .len = id->is_null ? -1 : (int32_t)id->auth.len },
        };
        size_t frame;

        begin_frame(out, &frame, ZK_XID_AUTH, ZK_OP_AUTH);
        jute_write_auth_packet(out, &r);
        jute_frame_end(out, frame);
    }
}

/* ---- Watches of an earlier connection. */

/* The lists of one setWatches. */
struct rewatch {
    struct bytes paths[WATCH_KINDS];
    int32_t counts[WATCH_KINDS];
    size_t len;
};

static void say_rewatch(struct zabc *c, struct rewatch *w)
{
    struct bytes *out = &c->link.out;
    size_t frame;
    const struct set_watches2 r = {
        .relative_zxid = c->last_zxid,
        .data_watches = jute_vector_of(&w->paths[WATCH_DATA], w->counts[WATCH_DATA]),
        .exist_watches = jute_vector_of(&w->paths[WATCH_EXIST], w->counts[WATCH_EXIST]),
        .child_watches = jute_vector_of(&w->paths[WATCH_CHILD], w->counts[WATCH_CHILD]),
        .persistent_watches =
            jute_vector_of(&w->paths[WATCH_PERSISTENT], w->counts[WATCH_PERSISTENT]),
        .persistent_recursive_watches =
            jute_vector_of(&w->paths[WATCH_RECURSIVE], w->counts[WATCH_RECURSIVE]),
    };

    if (w->len == 0)
        return;
    /* Servers before 3.6 know only the first three lists. */
    if (w->counts[WATCH_PERSISTENT] + w->counts[WATCH_RECURSIVE] > 0) {
        begin_frame(out, &frame, ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES2);
        jute_write_set_watches2(out, &r);
    } else {
        const struct set_watches old = {
            .relative_zxid = r.relative_zxid,
            .data_watches = r.data_watches,
            .exist_watches = r.exist_watches,
            .child_watches = r.child_watches,
        };

        begin_frame(out, &frame, ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
        jute_write_set_watches(out, &old);
    }
    jute_frame_end(out, frame);
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        w->paths[kind].len = (size_t)(w->counts[kind] = 0);
    w->len = 0;
}

static void say_watches(struct zabc *c)
{
    struct rewatch w = { .len = 0 };
    size_t most = CLIENT_REWATCH_BYTES;

    /* The frame has also its header and the counts of the lists. */
    if (c->conf.packet_bytes_max < most + 64)
        most = c->conf.packet_bytes_max > 64 ? c->conf.packet_bytes_max - 64 : 0;
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        list_each(at, &c->watches.all[kind])
        {
            const struct watch *it = list_entry(at, struct watch, in_all);

            if (w.len + 4 + it->path_len > most)
                say_rewatch(c, &w);
            jute_write_str(&w.paths[kind], jute_text(it->path));
            w.counts[kind]++;
            w.len += 4 + it->path_len;
        }
    }
    say_rewatch(c, &w);
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        bytes_done(&w.paths[kind]);
}

/* ---- The server's first words. */

static bool read_greeting(struct connect_response *ret, bool *is_read_only, const uint8_t *at,
                          size_t len)
{
    struct jute_in in = jute_in(at, len);

    jute_read_connect_response(&in, ret);
    *is_read_only = false;
    if (!in.bad && jute_left(&in) > 0)
        jute_read_flag(&in, is_read_only);
    return !in.bad && ret->passwd.len <= CLIENT_PASSWD_BYTES_MAX;
}

static void adopt(struct zabc *c, const struct connect_response *r)
{
    c->timeout_ms = r->timeout_ms;
    c->session_id = r->session_id;
    c->passwd_len = r->passwd.len > 0 ? r->passwd.len : 0;
    if (c->passwd_len > 0)
        memcpy(c->passwd, r->passwd.at, (size_t)c->passwd_len);
}

bool session_greeted(struct zabc *c, const uint8_t *at, size_t len)
{
    struct connect_response r;
    bool is_read_only;

    if (!read_greeting(&r, &is_read_only, at, len))
        return false;
    if (r.timeout_ms <= 0) {
        client_die(c, ZABC_CLOSED, ZK_STATE_EXPIRED, ZK_SESSION_EXPIRED);
        return true;
    }
    if (is_read_only && !c->conf.takes_read_only)
        return false;
    adopt(c, &r);
    c->saw_rw_server = c->saw_rw_server || !is_read_only;
    c->state = is_read_only ? ZABC_CONNECTED_READ_ONLY : ZABC_CONNECTED;
    link_is_up(c);
    c->identities_sent = c->identities_answered = 0;
    say_identities(c);
    say_watches(c);
    if (is_read_only)
        rw_search_begin(c);
    client_tell_session(c, is_read_only ? ZK_STATE_CONNECTED_READ_ONLY : ZK_STATE_SYNC_CONNECTED);
    return true;
}

void session_cut(struct zabc *c)
{
    rw_search_end(c);
    c->state = ZABC_CONNECTING;
    requests_fail(c, ZK_CONNECTION_LOSS, false);
    if (c->conf.forgets_watches) {
        uint64_t seed = c->watches.seed;

        watches_done(&c->watches);
        watches_init(&c->watches, seed);
    }
    if (!c->is_closing)
        client_tell_session(c, ZK_STATE_DISCONNECTED);
}

/* ---- What comes unasked, or out of turn. */

const char *session_strip(const struct zabc *c, const char *path)
{
    size_t len = c->chroot_len;

    if (len == 0 || strncmp(path, c->hosts.chroot, len) != 0)
        return path;
    if (path[len] == '\0')
        return "/";
    return path[len] == '/' ? path + len : path;
}

void session_tell(struct zabc *c, const struct bytes *told, const struct zabc_event *event)
{
    for (size_t at = 0; at < told->len && !c->is_doomed; at += sizeof(struct zabc_watcher)) {
        struct zabc_watcher watcher;

        memcpy(&watcher, told->at + at, sizeof watcher);
        watcher.tell(watcher.arg, event);
    }
}

static bool take_event(struct zabc *c, const struct reply_header *header, struct jute_in *in)
{
    struct watcher_event e;

    jute_read_watcher_event(in, &e);
    if (in->bad || e.path.len <= 0 || memchr(e.path.at, 0, (size_t)e.path.len) != NULL ||
        e.type < ZK_EVENT_NODE_CREATED || e.type > ZK_EVENT_NODE_CHILDREN_CHANGED)
        return false;

    char *path = strndup((const char *)e.path.at, (size_t)e.path.len);
    struct bytes told = { 0 };

    if (path == NULL)
        return false;

    const struct zabc_event event = {
        .type = (enum zk_event)e.type,
        .state = ZK_STATE_SYNC_CONNECTED,
        .zxid = header->zxid,
        .path = session_strip(c, path),
    };

    watches_fire(&c->watches, event.type, path, &told);
    session_tell(c, &told, &event);
    bytes_done(&told);
    free(path);
    return true;
}

static bool take_auth(struct zabc *c, const struct reply_header *header)
{
    if (c->identities_answered >= c->identities_sent)
        return false;

    struct identity *id = &c->identities[c->identities_answered++];
    struct request *r = id->asking;

    id->asking = NULL;
    if (header->err == ZK_AUTH_FAILED) {
        client_enter(c);
        client_die(c, ZABC_AUTH_FAILED, ZK_STATE_AUTH_FAILED, ZK_AUTH_FAILED);
        if (r != NULL)
            request_fail(c, r, ZK_AUTH_FAILED);
        client_leave(c);
    } else if (r != NULL) {
        request_fail(c, r, header->err);
    }
    return true;
}

bool session_take(struct zabc *c, const uint8_t *at, size_t len)
{
    struct jute_in in = jute_in(at, len);
    struct reply_header header;

    jute_read_reply_header(&in, &header);
    if (in.bad)
        return false;
    switch (header.xid) {
    case ZK_XID_PING:
        c->link.ping_is_out = false;
        return true;
    case ZK_XID_WATCH:
        return take_event(c, &header, &in);
    case ZK_XID_AUTH:
        return take_auth(c, &header);
    case ZK_XID_SET_WATCHES:
        return true;
    default:
        return requests_answered(c, &header, &in);
    }
}

void session_ping(struct zabc *c)
{
    size_t frame;

    begin_frame(&c->link.out, &frame, ZK_XID_PING, ZK_OP_PING);
    jute_frame_end(&c->link.out, frame);
    c->link.ping_is_out = true;
}

/* ---- Identities. */

void session_fail_identities(struct zabc *c, int err)
{
    for (size_t i = 0; i < c->identities_count; i++) {
        struct request *r = c->identities[i].asking;

        c->identities[i].asking = NULL;
        if (r != NULL)
            request_fail(c, r, err);
    }
}

int zabc_add_auth(struct zabc *c, const char *scheme, struct jute_bytes auth, struct zabc_done done)
{
    struct request *r = request_new(ZK_OP_AUTH, done);

    if (!client_is_alive(c))
        return request_submit(c, r);

    size_t size = 32 + strlen(scheme) + (auth.len > 0 ? (size_t)auth.len : 0);

    if (size > c->conf.packet_bytes_max || c->identities_count == ZABC_IDENTITIES_MAX) {
        request_drop(r);
        return size > c->conf.packet_bytes_max ? -EMSGSIZE : -ENOBUFS;
    }

    struct identity *id = &c->identities[c->identities_count++];

    *id = (struct identity){ .scheme = strdup(scheme), .is_null = auth.len < 0, .asking = r };
    zk_assert(id->scheme != NULL);
    if (auth.len > 0)
        bytes_put(&id->auth, auth.at, (size_t)auth.len);
    if (c->link.state == LINK_UP)
        say_identities(c);
    link_wake(c);
    return 0;
}
