/* What leaves on a link: bytes are copied into a chain of buffers and go out at the end of the
 * turn, many buffers in one write. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "server/net/peers_impl.h"
#include "util/check.h"

static struct chunk *chunk_new(struct peers *p)
{
    struct chunk *c = p->pool;

    if (c != NULL) {
        p->pool = c->next;
        p->pool_count--;
    } else {
        c = zk_xmalloc(sizeof *c);
    }
    c->next = NULL;
    c->begin = c->end = 0;
    return c;
}

static void chunk_free(struct peers *p, struct chunk *c)
{
    if (p->pool_count >= PEERS_POOL_CHUNKS) {
        free(c);
        return;
    }
    c->next = p->pool;
    p->pool = c;
    p->pool_count++;
}

void chunks_done(struct peers *p)
{
    while (p->pool != NULL) {
        struct chunk *next = p->pool->next;

        free(p->pool);
        p->pool = next;
    }
    p->pool_count = 0;
}

void link_put(struct link *l, const uint8_t *at, size_t len)
{
    l->unsent += len;
    while (len > 0) {
        if (l->tail == NULL || l->tail->end == PEERS_CHUNK_BYTES) {
            struct chunk *c = chunk_new(l->peers);

            if (l->tail != NULL)
                l->tail->next = c;
            else
                l->head = c;
            l->tail = c;
        }

        struct chunk *c = l->tail;
        size_t part = PEERS_CHUNK_BYTES - c->end < len ? PEERS_CHUNK_BYTES - c->end : len;

        memcpy(c->at + c->end, at, part);
        c->end += part;
        at += part;
        len -= part;
    }
}

static void drop_first(struct link *l)
{
    struct chunk *c = l->head;

    l->head = c->next;
    if (l->head == NULL)
        l->tail = NULL;
    chunk_free(l->peers, c);
}

void link_forget_output(struct link *l)
{
    while (l->head != NULL)
        drop_first(l);
    l->unsent = 0;
}

static void sent(struct link *l, size_t len)
{
    l->unsent -= len;
    while (len > 0) {
        struct chunk *c = l->head;

        zk_assert(c != NULL);

        size_t part = c->end - c->begin < len ? c->end - c->begin : len;

        c->begin += part;
        len -= part;
        if (c->begin == c->end)
            drop_first(l);
    }
}

void link_dirty(struct link *l)
{
    if (list_is_empty(&l->in_dirty))
        list_append(&l->peers->dirty, &l->in_dirty);
}

/* What the other side said before may still be unread; behind it comes the end, and that is
 * when the link is down. */
static void mute(struct link *l)
{
    l->is_mute = true;
    link_forget_output(l);
    (void)shutdown(l->fd, SHUT_RDWR);
}

/* One write. Returns what left, or -1: no more now. */
static ssize_t write_some(struct link *l)
{
    struct iovec iov[PEERS_IOV_MAX];
    struct msghdr message = { .msg_iov = iov };
    size_t offered = 0;

    for (struct chunk *c = l->head; c != NULL && message.msg_iovlen < PEERS_IOV_MAX; c = c->next) {
        iov[message.msg_iovlen].iov_base = c->at + c->begin;
        iov[message.msg_iovlen++].iov_len = c->end - c->begin;
        offered += c->end - c->begin;
    }

    ssize_t got = sendmsg(l->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (got < 0 && errno != EAGAIN && errno != EINTR)
        mute(l);
    if (got <= 0)
        return -1;
    sent(l, (size_t)got);
    return (size_t)got == offered ? got : -1;
}

static void owe_room(struct link *l)
{
    struct peers *p = l->peers;

    if (!l->is_full || l->is_closed || l->unsent >= p->conf.link_low_bytes)
        return;
    l->is_full = false;
    list_append(&p->owing, &l->in_owing);
    peers_later(p);
}

/* Closed by the host, and all that was to leave has left: the other side may close, too. */
static void shut(struct link *l)
{
    if (!l->is_closed || l->is_shut || l->unsent > 0)
        return;
    l->is_shut = true;
    (void)shutdown(l->fd, SHUT_WR);
}

void link_flush(struct link *l)
{
    ssize_t left = 0;

    if (l->fd < 0)
        return;
    for (size_t done = 0; l->unsent > 0 && left >= 0 && done < PEERS_FLUSH_BYTES;) {
        left = write_some(l);
        done += left > 0 ? (size_t)left : 0;
    }
    owe_room(l);
    shut(l);
    link_wants(l);
}
