#include "server/net/net.h"

#include <stdlib.h>
#include <time.h>

#include "server/net/conn.h"
#include "util/check.h"

enum {
    /* Connections closed or looked at for a timer in one turn. */
    EXPIRED_PER_TURN = 1000,
};

uint64_t net_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void net_init(struct net *n, const struct net_conf *conf, const struct net_host *host,
              struct event_base *base, struct service *service, uint64_t seed)
{
    *n = (struct net){
        .conf = *conf,
        .host = *host,
        .base = base,
        .service = service,
        .listen_fd = -1,
        .reserve_fd = -1,
        .accept_at_ms = INT64_MAX,
        .told_full_ms = service->now_ms - NET_TELL_MS,
        .ips = ip_count_new(seed),
        .shared = zk_xmalloc(NET_COPY_BYTES + NET_READ_BYTES),
    };
    senders_init(&n->senders);
    list_init(&n->all);
    list_init(&n->ready);
    list_init(&n->greedy);
    list_init(&n->output);
    list_init(&n->blocked);
    list_init(&n->finishing);
    list_init(&n->lingering);
    idle_init(&n->idle, conf->sessionless_ms, service->now_ms);
    ingress_init(&n->ingress, conf->ingress_max, (uint64_t)conf->frame_max + 4);
}

void net_done(struct net *n)
{
    net_stop_listening(n);
    while (!list_is_empty(&n->all))
        conn_destroy(list_entry(n->all.next, struct conn, in_all), false);
    while (n->pool_count > 0)
        bytes_done(&n->pool[--n->pool_count]);
    senders_done(&n->senders);
    n->ips = ip_count_free(n->ips);
    free(n->shared);
    n->shared = NULL;
}

/* ---- What the request floor calls. */

static void on_finish(struct client *c)
{
    conn_finish(conn_of(c));
}

static void on_kick(struct client *c)
{
    conn_kick(conn_of(c));
}

static void on_resume(struct client *c)
{
    conn_ready(conn_of(c));
}

struct client_host net_client_host(void)
{
    return (struct client_host){ .finish = on_finish, .kick = on_kick, .resume = on_resume };
}

void net_stop_reading(struct net *n)
{
    n->is_stopping = true;
}

/* ---- A turn. */

void net_wake(struct net *n)
{
    n->host.wake(n->host.ctx);
    if (n->turn == n->service->turn)
        return;
    n->turn = n->service->turn;
    n->turn_us = net_now_us();
    n->accepts = 0;
}

/* Room for input goes to who waits for it, if need be at the cost of who stalls. */
static void share_room(struct net *n)
{
    int64_t now_ms = n->service->now_ms;
    struct ingress_part *p;

    for (;;) {
        while ((p = ingress_next(&n->ingress, now_ms)) != NULL)
            conn_ready(list_entry(p, struct conn, part));
        p = ingress_next_stalled(&n->ingress, now_ms);
        if (p == NULL)
            return;
        conn_destroy(list_entry(p, struct conn, part), true);
    }
}

/* Gives everybody in the list his turn, until the time is over; one at least. Who gets in
 * line meanwhile has had it. */
static void run_line(struct net *n, struct list *line)
{
    struct list now;

    if (list_is_empty(line))
        return;
    now.next = line->next;
    now.prev = line->prev;
    now.next->prev = now.prev->next = &now;
    list_init(line);
    n->turn_us = net_now_us();
    do {
        struct conn *c = list_entry(now.next, struct conn, in_ready);

        list_remove(&c->in_ready);
        conn_go(c);
    } while (!list_is_empty(&now) && net_now_us() - n->turn_us <= NET_TURN_INPUT_US);
    while (!list_is_empty(&now)) { /* Before those of this run. */
        struct list *link = now.prev;

        list_remove(link);
        list_append(line->next, link);
    }
}

void net_run(struct net *n)
{
    net_wake(n);
    share_room(n);
    run_line(n, &n->ready);
    run_line(n, &n->greedy);
}

/* Takes clients with output off a list, into n->jobs. Who has none left ends here; who has
 * much of it goes to n->output if that is another list. */
static size_t collect_sends(struct net *n, struct list *from)
{
    size_t count = 0;
    size_t bytes = 0;

    while (count < NET_SENDS_AT_ONCE && bytes < NET_SENDS_BYTES && !list_is_empty(from)) {
        struct conn *c = conn_of(list_entry(from->next, struct client, dirty));
        struct send_job *j = &n->jobs[count];

        list_remove(&c->client.dirty);
        if (!list_is_empty(&c->in_blocked))
            continue; /* A full socket says when it has room again. */
        if (c->state == CONN_FINISHING) {
            (void)conn_flush(c); /* Its last bytes and its end in one piece. */
            continue;
        }
        j->len = conn_unsent(c, &j->at);
        if (j->len > NET_SMALL_OUTPUT_BYTES && from != &n->output) {
            list_append(&n->output, &c->client.dirty);
            continue;
        }
        j->fd = c->fd;
        j->owner = c;
        bytes += j->len;
        if (j->len > 0)
            count++;
        else
            (void)conn_flush(c);
    }
    return count;
}

/* One batch at least, then until the time is over. */
static void flush_list(struct net *n, struct list *from)
{
    while (!list_is_empty(from)) {
        size_t count = collect_sends(n, from);

        if (count >= NET_SENDS_WITH_HELP)
            senders_run(&n->senders, n->jobs, count);
        for (size_t i = 0; i < count; i++) {
            struct send_job *j = &n->jobs[i];

            if (count >= NET_SENDS_WITH_HELP)
                (void)conn_sent(j->owner, j->sent, j->err);
            else
                (void)conn_flush(j->owner);
        }
        if (net_now_us() - n->output_us > NET_TURN_OUTPUT_US)
            return;
    }
}

void net_flush(struct net *n)
{
    if (list_is_empty(&n->service->dirty) && list_is_empty(&n->output))
        return;
    n->output_us = net_now_us();
    flush_list(n, &n->service->dirty);
    flush_list(n, &n->output);
}

bool net_has_work(const struct net *n)
{
    return !list_is_empty(&n->ready) || !list_is_empty(&n->greedy) ||
           !list_is_empty(&n->service->dirty) || !list_is_empty(&n->output);
}

bool net_has_output(const struct net *n)
{
    return !list_is_empty(&n->service->dirty) || !list_is_empty(&n->output) ||
           !list_is_empty(&n->blocked) || !list_is_empty(&n->finishing);
}

/* ---- Timers. Each list has one duration, so its first entry is due first. */

static int64_t blocked_due(const struct net *n)
{
    return list_is_empty(&n->blocked)
               ? INT64_MAX
               : list_entry(n->blocked.next, struct conn, in_blocked)->blocked_ms +
                     n->conf.slow_reader_ms;
}

static int64_t state_due(const struct list *head, int64_t duration_ms)
{
    return list_is_empty(head)
               ? INT64_MAX
               : list_entry(head->next, struct conn, in_state)->since_ms + duration_ms;
}

static void expire_output(struct net *n, int64_t now_ms)
{
    while (blocked_due(n) <= now_ms) {
        n->service->stats.slow_readers_closed++;
        conn_destroy(list_entry(n->blocked.next, struct conn, in_blocked), true);
    }
    while (state_due(&n->finishing, NET_FINISH_MS) <= now_ms)
        conn_destroy(list_entry(n->finishing.next, struct conn, in_state), true);
    while (state_due(&n->lingering, NET_LINGER_MS) <= now_ms)
        conn_destroy(list_entry(n->lingering.next, struct conn, in_state), false);
}

void net_expire(struct net *n)
{
    int64_t now_ms = n->service->now_ms;
    struct idle_entry *e;

    expire_output(n, now_ms);
    for (int i = 0; i < EXPIRED_PER_TURN && (e = idle_next(&n->idle, now_ms)) != NULL; i++)
        conn_check_idle(list_entry(e, struct conn, idle));
    share_room(n);
    net_accept_again(n);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t net_deadline(const struct net *n)
{
    int64_t at = earlier(blocked_due(n), n->accept_at_ms);

    at = earlier(at, state_due(&n->finishing, NET_FINISH_MS));
    at = earlier(at, state_due(&n->lingering, NET_LINGER_MS));
    at = earlier(at, idle_deadline(&n->idle));
    return earlier(at, ingress_deadline(&n->ingress));
}
