/* A connection that asks a four-letter word: it gets its answer and ends. */
#include "server/net/conn.h"
#include "util/check.h"

/* client.out grew by what a word wrote: it counts like a reply. */
static void mark_output(struct conn *c, size_t begin)
{
    struct service *s = c->net->service;

    s->egress_bytes += c->client.out.len - begin;
    if (list_is_empty(&c->client.dirty))
        list_append(&s->dirty, &c->client.dirty);
}

static void begin(struct conn *c)
{
    struct net *n = c->net;
    struct bytes *out = &c->client.out;
    size_t before = out->len;

    c->job = words_begin(n, c->word, c->word_arg, out);
    mark_output(c, before);
    if (c->job == NULL)
        conn_finish(c);
    else
        conn_ready(c);
}

/* The next large word in line may go. */
static void start_waiting(struct net *n)
{
    struct words *w = &n->words;

    while (w->running < WORDS_LARGE_AT_ONCE && !list_is_empty(&w->waiting)) {
        struct conn *c = list_entry(w->waiting.next, struct conn, in_words);

        list_remove(&c->in_words);
        c->is_large_word = true;
        w->running++;
        conn_ready(c);
    }
}

void conn_word_begin(struct conn *c, enum word word, int64_t arg)
{
    struct net *n = c->net;

    n->service->stats.packets_received++;
    n->service->stats.packets_sent++;
    n->service->stats.bytes_received += 4;
    c->client.stats.received++;
    c->client.phase = CLIENT_CLOSING; /* It will never be a session. */
    c->is_word = true;
    c->word = word;
    c->word_arg = arg;
    c->since_ms = n->service->now_ms;
    conn_wants(c, c->interest & EV_WRITE);
    if (!words_is_large(&n->words, word)) {
        begin(c);
        return;
    }
    list_append(&n->words.waiting, &c->in_words);
    start_waiting(n);
}

void conn_word_step(struct conn *c)
{
    struct bytes *out = &c->client.out;
    size_t before = out->len;

    /* One piece at a time: the next is made when this one has left. */
    if (c->state != CONN_OPEN || !c->is_large_word || out->len > 0)
        return;
    if (c->job == NULL) {
        begin(c);
        return;
    }

    bool goes_on = words_step(c->net, c->job, out);

    mark_output(c, before);
    if (!goes_on)
        conn_finish(c);
}

void conn_word_done(struct conn *c)
{
    struct net *n = c->net;

    list_remove(&c->in_words);
    c->job = words_job_free(c->job);
    if (!c->is_large_word)
        return;
    c->is_large_word = false;
    n->words.running--;
    start_waiting(n);
}
