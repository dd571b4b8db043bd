/* Connections between clients and servers: frames that keep their order, late. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/member.h"
#include "tests/sim/user.h"
#include "util/check.h"

enum { DELAY_MIN_US = 50, DELAY_MAX_US = 1500 };

static int64_t delay(struct sim *s, int64_t *last_us)
{
    int64_t at = s->now_us + sim_between(s, DELAY_MIN_US, DELAY_MAX_US);

    if (at < *last_us)
        at = *last_us;
    *last_us = at;
    return at - s->now_us;
}

struct talk *talk_find(struct sim *s, size_t member, uint64_t id)
{
    struct talk *t = s->members[member]->talks;

    while (t != NULL && t->id != id)
        t = t->next;
    return t;
}

static void talk_free(struct talk *t)
{
    for (size_t i = 0; i < t->frame_count; i++)
        bytes_done(&t->frames[i]);
    free(t->frames);
    free(t);
}

/* Forgets those that neither side has any more. */
static void sweep(struct member *n)
{
    struct talk **at = &n->talks;

    while (*at != NULL) {
        struct talk *t = *at;

        if (t->is_closed && !t->is_open) {
            *at = t->next;
            talk_free(t);
        } else {
            at = &t->next;
        }
    }
}

/* ---- To the user. */

struct letter {
    size_t user, member;
    uint64_t talk;
    struct bytes bytes; /* Empty: the connection is gone. */
};

static void on_letter(struct sim *s, const struct sim_event *ev)
{
    struct letter *l = ev->p;
    struct talk *t = talk_find(s, l->member, l->talk);

    if (t == NULL || t->is_closed) {
        bytes_done(&l->bytes);
        free(l);
        return;
    }
    if (l->bytes.len == 0) {
        t->is_closed = true;
        user_heard(s, l->user, l->talk, NULL);
    }
    for (size_t at = 0; at + 4 <= l->bytes.len;) {
        size_t len = jute_load32(l->bytes.at + at);
        struct jute_in in = jute_in(l->bytes.at + at + 4, len);

        zk_assert(at + 4 + len <= l->bytes.len); /* Frames are written whole. */
        user_heard(s, l->user, l->talk, &in);
        at += 4 + len;
    }
    bytes_done(&l->bytes);
    free(l);
    sweep(s->members[ev->a]);
}

static void tell(struct sim *s, struct talk *t, struct bytes *bytes)
{
    struct letter *l = zk_xcalloc(1, sizeof *l);

    *l = (struct letter){ .user = t->user, .member = t->member, .talk = t->id };
    if (bytes != NULL) {
        bytes_put(&l->bytes, bytes->at, bytes->len);
        service_sent(&s->members[t->member]->service, &t->client, bytes->len);
        bytes->len = 0;
    }
    sim_at(s, delay(s, &t->down_us), on_letter, t->member, 0, l);
}

/* ---- The server's side. */

static struct talk *of(struct client *c)
{
    return list_entry(c, struct talk, client);
}

static void let_go(struct sim *s, struct talk *t)
{
    if (t->client.out.len > 0)
        tell(s, t, &t->client.out);
    t->is_open = false;
    client_done(&t->client);
    tell(s, t, NULL);
}

static void on_finish(struct client *c)
{
    of(c)->is_finishing = true;
}

static void on_kick(struct client *c)
{
    struct talk *t = of(c);

    let_go(member_of_service(c->service)->sim, t);
}

static void on_resume(struct client *c)
{
    struct inbox_item item = { .kind = IN_FRAME, .link = of(c)->id };

    member_push(member_of_service(c->service), &item);
}

const struct client_host member_client_host = { .finish = on_finish,
                                                .kick = on_kick,
                                                .resume = on_resume };

static struct bytes take_frame(struct talk *t)
{
    struct bytes first = t->frames[0];

    memmove(t->frames, t->frames + 1, (t->frame_count - 1) * sizeof *t->frames);
    t->frame_count--;
    return first;
}

void talks_feed(struct member *n, uint64_t id)
{
    struct talk *t = talk_find(n->sim, n->index, id);

    while (t != NULL && t->is_open && !t->is_finishing && t->frame_count > 0 &&
           client_can_take(&t->client)) {
        struct bytes frame = take_frame(t);
        bool goes_on = client_frame(&t->client, frame.at, frame.len);

        bytes_done(&frame);
        if (!goes_on && t->is_open)
            let_go(n->sim, t);
    }
}

void talks_flush(struct member *n)
{
    for (struct talk *t = n->talks; t != NULL; t = t->next) {
        if (!t->is_open)
            continue;
        list_remove(&t->client.dirty);
        if (t->client.out.len > 0)
            tell(n->sim, t, &t->client.out);
        if (t->is_finishing)
            let_go(n->sim, t);
    }
}

void talks_gone(struct member *n, uint64_t id)
{
    struct talk *t = talk_find(n->sim, n->index, id);

    if (t != NULL && t->is_open) {
        t->is_open = false;
        client_done(&t->client);
    }
    sweep(n);
}

void talks_died(struct member *n)
{
    for (struct talk *t = n->talks; t != NULL; t = t->next) {
        if (t->is_open) {
            t->is_open = false;
            t->client.out.len = 0;
            client_done(&t->client);
        }
        if (!t->is_closed && n->is_host_up)
            tell(n->sim, t, NULL);
    }
}

/* ---- The user's side. */

static void on_open(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];
    struct talk *t = talk_find(s, n->index, ev->b);
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    if (t == NULL || t->is_closed || !n->is_host_up)
        return;
    if (!n->is_up) {
        tell(s, t, NULL);
        return;
    }
    t->is_open = true;
    t->life = n->life;
    client_init(&t->client, &n->service, (const struct sockaddr *)&peer, false);
}

struct talk *talk_open(struct sim *s, size_t user, size_t member)
{
    struct talk *t = zk_xcalloc(1, sizeof *t);

    t->id = ++s->talk_id;
    t->user = user;
    t->member = member;
    t->next = s->members[member]->talks;
    s->members[member]->talks = t;
    sim_at(s, delay(s, &t->up_us), on_open, member, t->id, NULL);
    return t;
}

static void on_frame(struct sim *s, const struct sim_event *ev)
{
    struct letter *l = ev->p;
    struct member *n = s->members[l->member];
    struct talk *t = talk_find(s, l->member, l->talk);
    struct inbox_item item = { .kind = IN_FRAME, .link = l->talk };

    if (t != NULL && t->is_open && n->is_up && t->life == n->life) {
        t->frames = zk_xrealloc(t->frames, (t->frame_count + 1) * sizeof *t->frames);
        t->frames[t->frame_count++] = l->bytes;
        l->bytes = (struct bytes){ 0 };
        member_push(n, &item);
    }
    bytes_done(&l->bytes);
    free(l);
}

void talk_say(struct sim *s, struct talk *t, struct bytes *frame)
{
    struct letter *l = zk_xcalloc(1, sizeof *l);

    *l = (struct letter){ .user = t->user, .member = t->member, .talk = t->id, .bytes = *frame };
    *frame = (struct bytes){ 0 };
    sim_at(s, delay(s, &t->up_us), on_frame, 0, 0, l);
}

static void on_hung_up(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];
    struct talk *t = talk_find(s, n->index, ev->b);
    struct inbox_item item = { .kind = IN_CLIENT_GONE, .link = ev->b };

    if (t != NULL && t->is_open && n->is_up)
        member_push(n, &item);
    else
        sweep(n);
}

void talk_hang_up(struct sim *s, struct talk *t)
{
    t->is_closed = true;
    sim_at(s, delay(s, &t->up_us), on_hung_up, t->member, t->id, NULL);
}

void talks_drop(void *p)
{
    struct letter *l = p;

    bytes_done(&l->bytes);
    free(l);
}

void talks_forget(struct member *n)
{
    while (n->talks != NULL) {
        struct talk *t = n->talks;

        n->talks = t->next;
        talk_free(t);
    }
}
