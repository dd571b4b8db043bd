/* Input: from the socket to whole frames. See ingress.h for who may keep how much. */
#include <errno.h>
#include <sys/uio.h>

#include "jute/frame.h"
#include "server/net/conn.h"
#include "util/check.h"

enum {
    PREFIX_BYTES = 4,
    /* Memory for the begin of a frame, unless the frame is shorter. */
    KEEP_BYTES_MIN = 4096,
};

/* Why no more frames were taken. */
enum taken {
    TAKEN_ALL,    /* What is left is the begin of a frame. */
    TAKEN_HELD,   /* The request floor takes no more now. */
    TAKEN_TURN,   /* The turn is long enough. */
    TAKEN_GREEDY, /* It was given a slice of replies. */
    TAKEN_END,    /* Nothing that comes is of interest any more. */
};

static enum taken bad_input(struct conn *c)
{
    c->is_doomed = true; /* conn_go() ends it. */
    return TAKEN_END;
}

/* Before the handshake the first bytes may be a word. */
static bool look_for_word(struct conn *c, const uint8_t *at, size_t len, enum taken *ret)
{
    enum word word;
    int64_t arg;

    switch (words_look(&c->net->words, at, len, &word, &arg)) {
    case WORDS_NONE:
        return false;
    case WORDS_MORE:
        *ret = TAKEN_ALL;
        return true;
    case WORDS_WORD:
        break;
    }
    conn_word_begin(c, word, arg);
    *ret = TAKEN_END;
    return true;
}

/* Hands over one frame. False: no more, *ret says why. */
static bool take_frame(struct conn *c, const uint8_t *at, size_t len, size_t *ret_used,
                       enum taken *ret)
{
    struct client *client = &c->client;
    struct jute_frame frame;

    *ret_used = 0;
    if (client->phase == CLIENT_NEW && look_for_word(c, at, len, ret))
        return false;
    switch (jute_frame_look(&frame, at, len, c->net->conf.frame_max)) {
    case JUTE_FRAME_BAD:
        *ret = bad_input(c);
        return false;
    case JUTE_FRAME_MORE:
        *ret = TAKEN_ALL;
        return false;
    case JUTE_FRAME_WHOLE:
        break;
    }
    if (!client_can_take(client)) {
        *ret = TAKEN_HELD;
        return false;
    }
    *ret_used = frame.wanted;
    if (!client_frame(client, frame.body, frame.len)) {
        *ret = bad_input(c);
        return false;
    }
    *ret = TAKEN_END;
    return c->state == CONN_OPEN && !c->is_doomed;
}

/* Whether it is the next one's turn, after `count` frames and so many bytes of replies. */
static bool slice_is_over(const struct net *n, size_t count, size_t replied, enum taken *ret)
{
    if (replied >= NET_SLICE_BYTES) {
        *ret = TAKEN_GREEDY;
        return true;
    }
    if (count % NET_FRAMES_PER_LOOK != 0 || net_now_us() - n->turn_us <= NET_TURN_INPUT_US)
        return false;
    *ret = TAKEN_TURN;
    return true;
}

/* In line again, for what could not be taken for one of these reasons. */
static void wait_for_turn(struct conn *c, enum taken why)
{
    if (why == TAKEN_TURN)
        conn_ready(c);
    else if (why == TAKEN_GREEDY)
        conn_is_greedy(c);
}

/* Hands over what is whole. Returns the bytes used. */
static size_t take_frames(struct conn *c, const uint8_t *at, size_t len, enum taken *ret)
{
    struct net *n = c->net;
    size_t used = 0;
    size_t count = 0;
    size_t frame_len;
    size_t out_len = c->client.out.len;

    /* A buffer that is there spares the first replies from growing one. */
    if (c->client.out.at == NULL && n->pool_count > 0)
        c->client.out = n->pool[--n->pool_count];
    *ret = TAKEN_ALL;
    while (used < len) {
        bool goes_on = take_frame(c, at + used, len - used, &frame_len, ret);

        used += frame_len;
        if (!goes_on)
            return used;
        *ret = TAKEN_ALL;
        if (used < len && slice_is_over(n, ++count, c->client.out.len - out_len, ret))
            return used;
    }
    return used;
}

/* ---- What is kept. */

void conn_forget_input(struct conn *c)
{
    bytes_done(&c->in);
    c->in_from = 0;
    ingress_release(&c->net->ingress, &c->part);
}

/* Bytes of the frame that begins at `at`; what is known of it. */
static size_t frame_wanted(const struct conn *c, const uint8_t *at, size_t len)
{
    struct jute_frame frame;

    (void)jute_frame_look(&frame, at, len, c->net->conf.frame_max);
    return frame.wanted;
}

/* Makes room for as much as came, not for as much as was announced. */
static void grow(struct conn *c, size_t len, size_t wanted)
{
    size_t cap = 2 * len > KEEP_BYTES_MIN ? 2 * len : KEEP_BYTES_MIN;

    if (cap > wanted)
        cap = wanted;
    if (cap < len)
        cap = len;
    if (cap <= c->in.cap)
        return;
    c->in.at = zk_xrealloc(c->in.at, cap);
    c->in.cap = cap;
}

/* c->in holds the begin of one frame. Whether the rest may be read. */
static bool may_go_on(struct conn *c)
{
    size_t wanted = frame_wanted(c, c->in.at, c->in.len);

    return ingress_reserve(&c->net->ingress, &c->part, wanted, c->net->service->now_ms);
}

/* What is to become of c->in, which begins at in_from and was not taken. */
static bool settle(struct conn *c, enum taken why)
{
    struct net *n = c->net;
    size_t left = c->in.len - c->in_from;

    if (why == TAKEN_END || left == 0) {
        conn_forget_input(c);
        return why == TAKEN_ALL;
    }
    if (why == TAKEN_ALL || c->in_from >= left) {
        bytes_drop(&c->in, c->in_from);
        c->in_from = 0;
    }
    if (why == TAKEN_ALL)
        return may_go_on(c);
    ingress_hold(&n->ingress, &c->part, c->in.cap, n->service->now_ms);
    wait_for_turn(c, why);
    return false;
}

/* Copies input into the empty c->in. */
static bool keep(struct conn *c, const uint8_t *at, size_t len, enum taken why)
{
    if (len > 0 && why != TAKEN_END) {
        grow(c, len, why == TAKEN_ALL ? frame_wanted(c, at, len) : len);
        memcpy(c->in.at, at, len);
        c->in.len = len;
    }
    return settle(c, why);
}

bool conn_take_kept(struct conn *c)
{
    enum taken why;

    if (c->in.len == 0)
        return true;
    if (c->part.waits)
        return false;
    c->in_from += take_frames(c, c->in.at + c->in_from, c->in.len - c->in_from, &why);
    return settle(c, why);
}

/* ---- Reading. */

/* Input in the shared buffer, at a frame's begin. */
static void take_shared(struct conn *c, const uint8_t *at, size_t len)
{
    enum taken why;
    size_t used = take_frames(c, at, len, &why);

    (void)keep(c, at + used, len - used, why);
}

/* Little is kept: it is cheaper to put it in front of what comes now. It is also where a
 * length may still be cut, or a word. */
static ssize_t read_behind_copy(struct conn *c)
{
    struct net *n = c->net;
    size_t kept = c->in.len;

    if (kept > 0)
        memcpy(n->shared, c->in.at, kept);

    ssize_t got =
        recv(c->fd, n->shared + kept, ingress_read_max(&n->ingress, NET_READ_BYTES), MSG_DONTWAIT);

    if (got <= 0)
        return got;
    bytes_done(&c->in);
    ingress_progress(&n->ingress, &c->part, (uint64_t)got, n->service->now_ms);
    take_shared(c, n->shared, kept + (size_t)got);
    return got;
}

/* The frame in c->in is whole; `more` bytes at `at` follow it. */
static void take_whole(struct conn *c, const uint8_t *at, size_t more)
{
    enum taken why;

    c->in_from = take_frames(c, c->in.at, c->in.len, &why);
    if (why == TAKEN_ALL && more > 0) {
        conn_forget_input(c);
        take_shared(c, at, more);
        return;
    }
    if (why == TAKEN_HELD) /* What follows stays behind it. */
        bytes_put(&c->in, at, more);
    (void)settle(c, why);
}

/* Much of a frame is kept: reads to where it lies, and what is beyond it, or beyond the
 * room it has so far, to the shared buffer. */
static ssize_t read_into_kept(struct conn *c)
{
    struct net *n = c->net;
    size_t wanted = frame_wanted(c, c->in.at, c->in.len);

    zk_assert(wanted > c->in.len);
    if (c->in.len == c->in.cap)
        grow(c, c->in.len + 1, wanted);

    size_t room = (c->in.cap < wanted ? c->in.cap : wanted) - c->in.len;
    struct iovec v[2] = {
        { .iov_base = c->in.at + c->in.len, .iov_len = room },
        { .iov_base = n->shared, .iov_len = ingress_read_max(&n->ingress, NET_READ_BYTES) },
    };
    struct msghdr msg = { .msg_iov = v, .msg_iovlen = 2 };
    ssize_t got = recvmsg(c->fd, &msg, MSG_DONTWAIT);

    if (got <= 0)
        return got;

    size_t own = (size_t)got < room ? (size_t)got : room;
    size_t more = (size_t)got - own;
    size_t rest = wanted - c->in.len - own < more ? wanted - c->in.len - own : more;

    c->in.len += own;
    ingress_progress(&n->ingress, &c->part, (uint64_t)got, n->service->now_ms);
    if (rest > 0) {
        grow(c, c->in.len + rest, wanted);
        bytes_put(&c->in, n->shared, rest);
    }
    if (c->in.len == wanted)
        take_whole(c, n->shared + rest, more - rest);
    return got;
}

void conn_read(struct conn *c)
{
    struct net *n = c->net;

    /* Who has yet to say what it wants may want a word, which is answered at all times. */
    if (c->client.phase != CLIENT_NEW && !client_can_take(&c->client)) {
        conn_wants(c, c->interest & EV_WRITE);
        return;
    }
    conn_wants(c, c->interest | EV_READ);

    ssize_t got = c->in.len < NET_COPY_BYTES ? read_behind_copy(c) : read_into_kept(c);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) { /* The other side is gone, or will say no more. */
        n->service->stats.connection_drop_count++;
        c->is_doomed = true;
        return;
    }
    c->io_ms = n->service->now_ms;
}
