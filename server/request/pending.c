#include "server/request/pending.h"

#include <stdlib.h>

#include "server/request/limits.h"
#include "server/request/service.h"
#include "util/check.h"

/* A free one: from the pool, or a new one with a name of its own. */
static struct pending *take(struct service *s)
{
    struct pending *p = s->pool;

    if (p != NULL) {
        s->pool = p->next;
        return p;
    }
    if (s->pending_count == s->pending_cap) {
        s->pending_cap = s->pending_cap * 2 + 64;
        s->pendings = zk_xrealloc(s->pendings, s->pending_cap * sizeof(void *));
    }
    p = zk_xmalloc(sizeof *p);
    p->slot = s->pending_count;
    p->life = 1;
    s->pendings[s->pending_count++] = p;
    return p;
}

static struct pending *begin(struct service *s, const struct pending *as)
{
    struct pending *p = take(s);
    uint32_t slot = p->slot;
    uint32_t life = p->life;

    *p = *as;
    p->slot = slot;
    p->life = life;
    list_init(&p->in_writes);
    list_init(&p->in_waiters);
    return p;
}

struct pending *pending_ghost(struct service *s, int32_t xid, int32_t op)
{
    return begin(s, &(struct pending){ .kind = PENDING_WRITE, .xid = xid, .op = op });
}

/* Bytes that are held for it beside itself. What p->request has is counted by who takes it: the
 * ensemble, as forwarded bytes. */
static size_t len_of(const struct pending *p)
{
    return p->body != NULL ? p->len : 0;
}

struct pending *pending_add(struct client *c, enum pending_kind kind, int32_t xid, int32_t op,
                            const uint8_t *body, size_t len)
{
    struct service *s = c->service;
    struct pending *p = begin(s, &(struct pending){ .kind = kind,
                                                    .xid = xid,
                                                    .op = op,
                                                    .client = c,
                                                    .ids = idset_ref(c->ids),
                                                    .arrived_ms = s->now_ms,
                                                    .len = (uint32_t)len });

    if (body != NULL) {
        p->body = zk_xmalloc(len + 1);
        memcpy(p->body, body, len);
    }
    c->pending_bytes += sizeof *p + len_of(p);
    if (c->pending_last == NULL)
        c->pending_first = p;
    else
        c->pending_last->next = p;
    c->pending_last = p;
    return p;
}

struct pending *pending_pop(struct client *c)
{
    struct pending *p = c->pending_first;

    zk_assert(p != NULL);
    c->pending_first = p->next;
    if (p->next == NULL) {
        c->pending_last = NULL;
        c->largest_write = 0;
    }
    c->owed -= p->owes;
    c->owed_large -= p->owes > LARGE_REPLY_BYTES;
    p->next = NULL;
    if (c->barrier == p)
        c->barrier = NULL;
    c->pending_bytes -= sizeof *p + len_of(p);
    return p;
}

static void forget(struct service *s, struct pending *p)
{
    p->ids = idset_unref(p->ids);
    free(p->body);
    free(p->request);
    p->body = p->request = NULL;
    s->large_bytes -= p->large;
    p->large = 0;
}

void pending_free(struct service *s, struct pending *p)
{
    forget(s, p);
    list_remove(&p->in_writes);
    list_remove(&p->in_waiters);
    p->client = NULL;
    p->life++;
    p->next = s->pool;
    s->pool = p;
}

void pending_orphan(struct client *c)
{
    struct service *s = c->service;

    while (c->pending_first != NULL) {
        struct pending *p = pending_pop(c);

        s->outstanding--;
        p->client = NULL;
        if (list_is_empty(&p->in_writes))
            pending_free(s, p);
        else
            forget(s, p);
    }
}

void *pending_name(const struct pending *p)
{
    return (void *)(uintptr_t)((uint64_t)p->life << 32 |
                               (p->slot + 1)); /* NOLINT(performance-no-int-to-ptr) */
}

struct pending *pending_named(const struct service *s, const void *name)
{
    uint64_t value = (uint64_t)(uintptr_t)name;
    uint32_t slot = (uint32_t)value - 1;

    if (slot >= s->pending_count)
        return NULL;
    struct pending *p = s->pendings[slot];
    return p->life == (uint32_t)(value >> 32) && p->client != NULL ? p : NULL;
}

void pending_pool_done(struct service *s)
{
    for (uint32_t i = 0; i < s->pending_count; i++)
        free(s->pendings[i]);
    free(s->pendings);
    s->pendings = NULL;
    s->pool = NULL;
    s->pending_count = s->pending_cap = 0;
}
