#include "server/request/pending.h"

#include <stdlib.h>

#include "server/request/service.h"
#include "util/check.h"

struct pending *pending_add(struct client *c, enum pending_kind kind, int32_t xid, int32_t op,
                            const uint8_t *body, size_t len)
{
    struct service *s = c->service;
    struct pending *p = s->pool;

    if (p != NULL)
        s->pool = p->next;
    else
        p = zk_xmalloc(sizeof *p);
    *p = (struct pending){
        .kind = kind,
        .xid = xid,
        .op = op,
        .client = c,
        .ids = idset_ref(c->ids),
        .arrived_ms = s->now_ms,
        .len = (uint32_t)len,
    };
    if (body != NULL) {
        p->body = zk_xmalloc(len + 1);
        memcpy(p->body, body, len);
        c->pending_bytes += len + sizeof *p;
    }
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
    if (p->next == NULL)
        c->pending_last = NULL;
    p->next = NULL;
    if (p->body != NULL)
        c->pending_bytes -= p->len + sizeof *p;
    return p;
}

void pending_free(struct service *s, struct pending *p)
{
    (void)idset_unref(p->ids);
    free(p->body);
    s->large_bytes -= p->large;
    p->next = s->pool;
    s->pool = p;
}

void pending_sync_forget(struct service *s, const struct pending *p)
{
    struct pending **link = &s->sync_first;
    struct pending *before = NULL;

    while (*link != NULL && *link != p) {
        before = *link;
        link = &(*link)->sync_next;
    }
    if (*link == NULL)
        return; /* Its zxid was applied, it only was not first in line. */
    *link = p->sync_next;
    if (s->sync_last == p)
        s->sync_last = before;
}

void pending_orphan(struct client *c)
{
    struct service *s = c->service;

    while (c->pending_first != NULL) {
        struct pending *p = pending_pop(c);

        s->outstanding--;
        p->client = NULL;
        if (p->kind == PENDING_SYNC)
            pending_sync_forget(s, p);
        if (p->kind != PENDING_WRITE)
            pending_free(s, p);
    }
}

void pending_pool_done(struct service *s)
{
    while (s->pool != NULL) {
        struct pending *p = s->pool;
        s->pool = p->next;
        free(p);
    }
}
