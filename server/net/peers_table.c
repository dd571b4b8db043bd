/* Which peers and links there are. */
#include <stdlib.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "util/check.h"

/* ---- Peers. */

struct peer *peer_find(const struct peers *p, zk_sid sid)
{
    list_each(it, &p->peers)
    {
        struct peer *e = list_entry(it, struct peer, in_all);

        if (e->sid == sid)
            return e;
    }
    return NULL;
}

struct peer *peer_new(struct peers *p, zk_sid sid)
{
    struct peer *e = zk_xcalloc(1, sizeof *e);

    e->peers = p;
    e->sid = sid;
    e->knock_fd = -1;
    e->retry_ms = INT64_MAX;
    e->until_ms = e->dialed_ms = INT64_MIN / 2;
    list_append(&p->peers, &e->in_all);
    p->strangers++;
    return e;
}

void peer_free(struct peer *e)
{
    struct peers *p = e->peers;

    if (e->wire != NULL)
        wire_free(e->wire);
    (void)dial_free(e->dial);
    election_forget_knock(e);
    if (!e->is_member)
        p->strangers--;
    list_remove(&e->in_all);
    places_done(&e->places);
    bytes_done(&e->last);
    free(e);
}

/* ---- Links. */

static struct list *bucket_of(struct peers *p, zab_link id)
{
    return &p->buckets[(id ^ id >> 8) % PEERS_LINK_BUCKETS];
}

struct link *link_find(const struct peers *p, zab_link id)
{
    const struct list *bucket = &p->buckets[(id ^ id >> 8) % PEERS_LINK_BUCKETS];

    list_each(it, bucket)
    {
        struct link *l = list_entry(it, struct link, in_bucket);

        if (l->id == id)
            return l;
    }
    return NULL;
}

const char *peers_link_name(struct peers *p, zab_link link)
{
    const struct link *l = link_find(p, link);

    p->name[0] = '\0';
    if (l != NULL && l->fd >= 0)
        (void)address_print(p->name, &l->address);
    return p->name;
}

struct link *link_new(struct peers *p, zab_link id, bool is_incoming)
{
    struct link *l = zk_xcalloc(1, sizeof *l);

    l->peers = p;
    l->id = id;
    l->is_incoming = is_incoming;
    l->fd = -1;
    l->retry_ms = INT64_MAX;
    l->since_ms = peers_now(p);
    list_init(&l->in_silent);
    list_init(&l->in_dirty);
    list_init(&l->in_owing);
    list_init(&l->in_ending);
    list_append(&p->links, &l->in_all);
    list_append(bucket_of(p, id), &l->in_bucket);
    p->link_count++;
    p->incoming_count += is_incoming;
    return l;
}

void link_not_silent(struct link *l)
{
    if (list_is_empty(&l->in_silent))
        return;
    list_remove(&l->in_silent);
    l->peers->silent_count--;
}

void link_free(struct link *l)
{
    struct peers *p = l->peers;

    link_not_silent(l);
    (void)dial_free(l->dial);
    if (l->fd >= 0) {
        if (l->interest != 0)
            (void)event_del(&l->event);
        (void)close(l->fd);
    }
    list_remove(&l->in_all);
    list_remove(&l->in_bucket);
    list_remove(&l->in_dirty);
    list_remove(&l->in_owing);
    list_remove(&l->in_ending);
    p->link_count--;
    p->incoming_count -= l->is_incoming;
    link_forget_output(l);
    bytes_done(&l->in);
    free(l);
}
