#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "client/impl.h"
#include "jute/frame.h"
#include "util/check.h"

enum { XID_AT = 4 }; /* In the frame: behind its length. */

struct request *request_new(int32_t type, struct zabc_done done)
{
    struct request *r = zk_xcalloc(1, sizeof *r);
    const struct request_header header = { .type = type };

    r->type = type;
    r->done = done;
    list_init(&r->link);
    (void)jute_frame_begin(&r->frame);
    jute_write_request_header(&r->frame, &header);
    return r;
}

void request_drop(struct request *r)
{
    bytes_done(&r->frame);
    free(r->watch_path);
    free(r);
}

char *request_path(const struct zabc *c, const char *path, bool is_sequential)
{
    if (zabc_path_is_wrong(NULL, path, is_sequential))
        return NULL;

    size_t len = strlen(path);

    if (c->chroot_len + len > ZABC_PATH_BYTES_MAX)
        return NULL;
    /* The chroot's own name has no slash at its end. */
    if (len == 1 && c->chroot_len > 0 && !is_sequential)
        len = 0;

    char *ret = zk_xmalloc(c->chroot_len + len + 1);

    memcpy(ret, c->hosts.chroot, c->chroot_len);
    memcpy(ret + c->chroot_len, path, len);
    ret[c->chroot_len + len] = '\0';
    return ret;
}

static bool sets_watch(const struct request *r)
{
    return r->watch_path != NULL && r->type != ZK_OP_REMOVE_WATCHES;
}

static int check(const struct zabc *c, const struct request *r)
{
    size_t len = r->frame.len - 4;

    if (c->is_doomed)
        return -ECANCELED;
    /* A watch must fit into a setWatches too. */
    if (len + (sets_watch(r) ? 64 : 0) > c->conf.packet_bytes_max)
        return -EMSGSIZE;
    if (c->requests_count >= ZABC_REQUESTS_MAX || c->queued_bytes + len > ZABC_QUEUE_BYTES_MAX)
        return -ENOBUFS;
    if (sets_watch(r) && c->watches.count + c->watchers_asked >= ZABC_WATCHERS_MAX)
        return -ENOBUFS;
    return 0;
}

/* From whatever list it is in, to those that are answered next. */
static void condemn(struct zabc *c, struct request *r, int err)
{
    list_remove(&r->link);
    list_append(&c->dead, &r->link);
    c->dead_count++;
    r->err = err;
}

int request_submit(struct zabc *c, struct request *r)
{
    int wrong = check(c, r);

    if (wrong < 0) {
        request_drop(r);
        return wrong;
    }
    jute_frame_end(&r->frame, 0);
    c->requests_count++;
    c->watchers_asked += sets_watch(r);
    r->is_counted = true;
    if (!client_is_alive(c)) {
        bytes_done(&r->frame);
        condemn(c, r, client_dead_err(c));
        event_active(c->kick, 0, 0);
        return 0;
    }
    r->bytes = r->frame.len;
    c->queued_bytes += r->bytes;
    if (c->conf.request_timeout_ms > 0)
        r->deadline_ms = client_now_ms() + c->conf.request_timeout_ms;
    list_append(&c->queued, &r->link);
    link_wake(c);
    return 0;
}

/* ---- Time. All have the same patience, so that the first to be made is the first to be late. */

static struct request *first_of(const struct list *requests)
{
    return list_entry(requests->next, struct request, link);
}

static bool is_late(const struct request *r, int64_t now_ms)
{
    return r->deadline_ms > 0 && now_ms >= r->deadline_ms;
}

int64_t requests_due_ms(const struct zabc *c)
{
    if (!list_is_empty(&c->sent))
        return first_of(&c->sent)->deadline_ms;
    return list_is_empty(&c->queued) ? 0 : first_of(&c->queued)->deadline_ms;
}

bool requests_are_late(const struct zabc *c, int64_t now_ms)
{
    return !list_is_empty(&c->sent) && is_late(first_of(&c->sent), now_ms);
}

void requests_expire(struct zabc *c, int64_t now_ms)
{
    /* Those that are sent were made earlier, and are answered earlier. */
    if (!list_is_empty(&c->sent))
        return;
    while (!list_is_empty(&c->queued) && is_late(first_of(&c->queued), now_ms)) {
        condemn(c, first_of(&c->queued), ZK_REQUEST_TIMEOUT);
        event_active(c->kick, 0, 0);
    }
}

/* ---- Sending. */

static void send_one(struct zabc *c, struct request *r)
{
    c->xid = c->xid < INT32_MAX ? c->xid + 1 : 1;
    r->xid = c->xid;
    (void)jute_store32(r->frame.at + XID_AT, (uint32_t)r->xid);
    bytes_put(&c->link.out, r->frame.at, r->frame.len);
    bytes_done(&r->frame);
    c->queued_bytes -= r->bytes;
    r->bytes = 0;
    list_remove(&r->link);
    list_append(&c->sent, &r->link);
}

/* The last request of all. */
static void ask_to_close(struct zabc *c)
{
    struct request *r = request_new(ZK_OP_CLOSE_SESSION, (struct zabc_done){ 0 });

    jute_frame_end(&r->frame, 0);
    c->close_is_asked = true;
    list_append(&c->queued, &r->link);
    send_one(c, r);
}

void requests_send(struct zabc *c)
{
    if (c->link.state != LINK_UP)
        return;
    /* The loop may come here before the timer. */
    requests_expire(c, client_now_ms());
    while (!list_is_empty(&c->queued) && c->link.out.len - c->link.out_sent < CLIENT_WRITE_BYTES) {
        if (c->close_is_asked)
            return; /* Later ones are answered when the session is closed. */
        send_one(c, first_of(&c->queued));
    }
    if (c->is_closing && !c->close_is_asked && list_is_empty(&c->queued))
        ask_to_close(c);
}

/* ---- Answers. */

static enum watch_kind kind_of_answer(const struct request *r, int err)
{
    switch (r->type) {
    case ZK_OP_EXISTS:
        return err == ZK_OK ? WATCH_DATA : WATCH_EXIST;
    case ZK_OP_GET_DATA:
        return WATCH_DATA;
    case ZK_OP_ADD_WATCH:
        return r->watcher_type == ZK_ADD_WATCH_PERSISTENT ? WATCH_PERSISTENT : WATCH_RECURSIVE;
    default:
        return WATCH_CHILD;
    }
}

static bool any_sets_other(const struct list *requests, enum watch_kind kind, const char *path,
                           const struct zabc_watcher *watcher)
{
    list_each(at, requests)
    {
        const struct request *r = list_entry(at, struct request, link);

        if (sets_watch(r) && kind_of_answer(r, ZK_OK) == kind &&
            (r->watcher.tell != watcher->tell || r->watcher.arg != watcher->arg) &&
            strcmp(r->watch_path, path) == 0)
            return true;
    }
    return false;
}

bool requests_set_other(const struct zabc *c, enum watch_kind kind, const char *path,
                        const struct zabc_watcher *watcher)
{
    return c->watchers_asked > 0 && (any_sets_other(&c->sent, kind, path, watcher) ||
                                     any_sets_other(&c->queued, kind, path, watcher));
}

static void set_watch(struct zabc *c, const struct request *r, int err)
{
    if (err == ZK_OK || (err == ZK_NO_NODE && r->type == ZK_OP_EXISTS))
        watches_add(&c->watches, kind_of_answer(r, err), r->watch_path, &r->watcher);
}

/* The kinds of watches that go together, and what their watchers are told. */
static const struct {
    int32_t type;
    enum watch_kind kinds[2];
    enum zk_event event;
} removals[] = {
    { ZK_WATCHER_DATA, { WATCH_DATA, WATCH_EXIST }, ZK_EVENT_DATA_WATCH_REMOVED },
    { ZK_WATCHER_CHILDREN, { WATCH_CHILD, WATCH_CHILD }, ZK_EVENT_CHILD_WATCH_REMOVED },
    { ZK_WATCHER_PERSISTENT,
      { WATCH_PERSISTENT, WATCH_PERSISTENT },
      ZK_EVENT_PERSISTENT_WATCH_REMOVED },
    { ZK_WATCHER_PERSISTENT_RECURSIVE,
      { WATCH_RECURSIVE, WATCH_RECURSIVE },
      ZK_EVENT_PERSISTENT_WATCH_REMOVED },
};

/* Returns what the request is answered with: the server's word, unless only the local watches
 * mattered. */
static int remove_watches(struct zabc *c, const struct request *r, int err)
{
    const struct zabc_watcher *who = r->watcher.tell != NULL ? &r->watcher : NULL;
    bool is_any = false;

    if (err != ZK_OK && !(r->even_if_cut_off && err == ZK_CONNECTION_LOSS))
        return err;
    for (size_t i = 0; i < sizeof removals / sizeof removals[0] && !c->is_doomed; i++) {
        struct bytes gone = { 0 };
        struct zabc_event event = {
            .type = removals[i].event,
            .state = err == ZK_OK ? ZK_STATE_SYNC_CONNECTED : ZK_STATE_DISCONNECTED,
            .zxid = -1,
            .path = session_strip(c, r->watch_path),
        };

        if (r->watcher_type != ZK_WATCHER_ANY && r->watcher_type != removals[i].type)
            continue;
        for (int k = 0; k < 2; k++)
            (void)watches_remove(&c->watches, removals[i].kinds[k], r->watch_path, who, &gone);
        is_any = is_any || gone.len > 0;
        session_tell(c, &gone, &event);
        bytes_done(&gone);
    }
    return is_any ? ZK_OK : ZK_NO_WATCHER;
}

static struct zabc_reply empty_reply(const struct request *r)
{
    return (struct zabc_reply){ .type = r->type, .path.len = -1, .data.len = -1 };
}

/* Removed watchers are told first, and may free the client: it answers all that it knows of, this
 * request too. Returns whether it was so. */
static bool ends_in_removal(struct zabc *c, struct request *r, struct zabc_reply *reply)
{
    if (c->is_doomed)
        return false;
    condemn(c, r, ZK_SESSION_EXPIRED);
    reply->err = remove_watches(c, r, reply->err);
    if (c->is_doomed)
        return true;
    list_remove(&r->link);
    c->dead_count--;
    return false;
}

/* Takes it out of its list, settles its watch, tells, and frees it. */
static void finish(struct zabc *c, struct request *r, struct zabc_reply *reply)
{
    client_enter(c);
    list_remove(&r->link);
    if (sets_watch(r))
        set_watch(c, r, reply->err);
    if (r->type != ZK_OP_REMOVE_WATCHES || !ends_in_removal(c, r, reply)) {
        c->requests_count -= r->is_counted;
        c->watchers_asked -= r->is_counted && sets_watch(r);
        c->queued_bytes -= r->bytes;
        if (r->done.tell != NULL)
            r->done.tell(r->done.arg, reply);
        request_drop(r);
    }
    client_leave(c);
}

void request_fail(struct zabc *c, struct request *r, int err)
{
    struct zabc_reply reply = empty_reply(r);

    reply.err = err;
    finish(c, r, &reply);
}

void requests_bury(struct zabc *c)
{
    client_enter(c);
    for (size_t left = c->dead_count; left > 0 && c->dead_count > 0; left--) {
        struct request *r = list_entry(c->dead.next, struct request, link);

        c->dead_count--;
        request_fail(c, r, r->err);
    }
    client_leave(c);
}

void requests_fail(struct zabc *c, int err, bool queued_too)
{
    int64_t now = client_now_ms();

    while (!list_is_empty(&c->sent) || (queued_too && !list_is_empty(&c->queued))) {
        struct list *first = !list_is_empty(&c->sent) ? c->sent.next : c->queued.next;
        struct request *r = list_entry(first, struct request, link);
        bool is_over = err == ZK_CONNECTION_LOSS && is_late(r, now);

        condemn(c, r, is_over ? ZK_REQUEST_TIMEOUT : err);
    }
    requests_bury(c);
}

/* Whether the answer to our own good-bye came: that is the end. */
static bool is_good_bye(struct zabc *c, const struct request *r)
{
    if (r->type != ZK_OP_CLOSE_SESSION)
        return false;
    client_die(c, ZABC_CLOSED, ZK_STATE_CLOSED, ZK_SESSION_EXPIRED);
    return true;
}

bool requests_answered(struct zabc *c, const struct reply_header *header, struct jute_in *in)
{
    if (list_is_empty(&c->sent))
        return false;

    struct request *r = list_entry(c->sent.next, struct request, link);
    struct zabc_reply reply = empty_reply(r);
    struct zabc_reply *results = NULL;
    bool holds = true;

    if (r->xid != header->xid)
        return false;
    if (header->zxid > c->last_zxid)
        c->last_zxid = header->zxid;
    if (is_good_bye(c, r))
        return true;
    if (header->err == ZK_OK)
        holds = reply_read(c, r, in, &reply, &results);
    if (!holds) {
        free(results);
        results = NULL;
        reply = empty_reply(r);
        reply.err = ZK_MARSHALLING_ERROR;
    } else if (header->err != ZK_OK) {
        reply.err = header->err;
    }
    reply.zxid = header->zxid;
    finish(c, r, &reply);
    free(results);
    return holds;
}
