/* What may be answered only after something has happened that no write of the client itself stands
 * for: syncs, and reads that are to be linearizable. They wait for a ticket of the ensemble, or on
 * a server of one for a zxid; and when who leads changes, they ask anew. */
#include "server/request/route.h"

/* Is the first in line again: it may be its turn. */
static void go_on(struct pending *p)
{
    list_remove(&p->in_waiters);
    if (p->client->pending_first == p)
        route_pump(p->client);
}

void tickets_applied(struct service *s, zk_zxid zxid)
{
    while (!list_is_empty(&s->syncs)) {
        struct pending *p = list_entry(s->syncs.next, struct pending, in_waiters);

        if (p->zxid > zxid)
            break;
        go_on(p);
    }
}

void service_synced(struct service *s, uint64_t ticket, bool is_refused)
{
    while (!list_is_empty(&s->waiters)) {
        struct pending *p = list_entry(s->waiters.next, struct pending, in_waiters);

        if (p->ticket > ticket)
            break;
        if (is_refused) {
            list_remove(&p->in_waiters);
            list_append(&s->refused, &p->in_waiters);
            s->needs_settling = true;
        } else {
            go_on(p);
        }
    }
}

static bool reads_tree(int32_t op)
{
    switch (op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_ACL:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
    case ZK_OP_GET_EPHEMERALS:
    case ZK_OP_MULTI_READ:
        return true;
    default: /* What is about the connection and its watches. */
        return false;
    }
}

uint64_t tickets_of_read(struct service *s, int32_t op)
{
    return reads_tree(op) ? ensemble_read_index(s->ensemble) : 0;
}

/* What can't be read is answered by us alone, so nobody is asked. */
static uint64_t ticket_of_sync(struct service *s, const struct pending *p)
{
    struct jute_in in = jute_in(p->body, p->len);
    struct sync_request r;
    struct write_request req = { .session = p->client->session_id,
                                 .xid = p->xid,
                                 .op = ZK_OP_SYNC,
                                 .body = p->body,
                                 .len = p->len,
                                 .ids = p->ids };

    jute_read_sync_request(&in, &r);
    return in.bad ? 0 : ensemble_sync(s->ensemble, &req);
}

void tickets_wait(struct service *s, struct pending *p, uint64_t ticket)
{
    p->ticket = ticket;
    if (ticket == 0)
        return;
    list_append(&s->waiters, &p->in_waiters);
    /* One that asks anew may have others behind it that wait already. */
    if (p->client->barrier == NULL || p->client->pending_last == p)
        p->client->barrier = p;
}

void tickets_sync(struct service *s, struct pending *p)
{
    uint64_t ticket = s->is_alone ? 0 : ticket_of_sync(s, p);

    tickets_wait(s, p, ticket);
    if (ticket != 0)
        return;
    p->zxid = order_last_prepared(s->order);
    if (p->zxid > service_zxid(s))
        list_append(&s->syncs, &p->in_waiters);
}

/* The tickets of the role that ends are worth nothing. */
void tickets_void(struct service *s)
{
    struct list *const lists[] = { &s->syncs, &s->waiters };

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (!list_is_empty(lists[i])) {
            struct list *link = lists[i]->next;
            list_remove(link);
            list_append(&s->refused, link);
        }
}

void tickets_ask_again(struct service *s)
{
    struct list asking;

    list_init(&asking);
    while (!list_is_empty(&s->refused)) {
        struct list *link = s->refused.next;
        list_remove(link);
        list_append(&asking, link);
    }
    while (!list_is_empty(&asking)) {
        struct pending *p = list_entry(asking.next, struct pending, in_waiters);

        list_remove(&p->in_waiters);
        if (p->kind == PENDING_SYNC)
            tickets_sync(s, p);
        else
            tickets_wait(s, p, tickets_of_read(s, p->op));
        if (list_is_empty(&p->in_waiters) && p->client->pending_first == p)
            route_pump(p->client);
    }
}
