#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/stage.h"
#include "util/check.h"

enum { CLOSE_MS = 5000 };

/* The server list of session `index`: as given, but beginning with another one each, so that the
 * servers get equally many sessions. */
static char *servers_of(const struct bench *b, size_t index)
{
    const char *all = b->o->servers;
    size_t len = strcspn(all, "/");
    size_t count = 1;

    while (len > 0 && all[len - 1] == ',')
        len--;
    for (size_t i = 0; i < len; i++)
        count += all[i] == ',';

    const char *first = all;

    for (size_t skip = (index + b->o->seed) % count; skip > 0; skip--)
        first = strchr(first, ',') + 1;

    struct bytes out = { 0 };
    size_t head = (size_t)(first - all);
    const char *chroot = strchr(all, '/');

    bytes_put(&out, first, len - head);
    if (head > 0) {
        bytes_put(&out, ",", 1);
        bytes_put(&out, all, head - 1);
    }
    if (chroot != NULL && chroot[1] != '\0')
        bytes_put(&out, chroot, strlen(chroot));
    bytes_put(&out, b->root, strlen(b->root) + 1);
    return (char *)out.at;
}

void sessions_init(struct bench *b)
{
    size_t count = (size_t)b->o->sessions;

    b->sessions = zk_xcalloc(count, sizeof *b->sessions);
    for (size_t i = 0; i < count; i++) {
        struct session *s = &b->sessions[i];

        s->bench = b;
        s->index = i;
        s->servers = servers_of(b, i);
        list_init(&s->free);
        list_init(&s->available);
    }
}

void sessions_done(struct bench *b)
{
    for (size_t i = 0; b->sessions != NULL && i < (size_t)b->o->sessions; i++) {
        struct session *s = &b->sessions[i];

        s->client = zabc_free(s->client);
        free(s->slots);
        free(s->servers);
    }
    free(b->sessions);
    b->sessions = NULL;
}

bool session_is_up(const struct session *s)
{
    return s->client != NULL && zabc_state(s->client) == ZABC_CONNECTED;
}

void session_open(struct session *s, void (*tell)(void *arg, const struct zabc_event *event))
{
    struct bench *b = s->bench;
    const struct zabc_conf conf = {
        .base = b->base,
        .servers = s->servers,
        .keeps_order = true,
        .timeout_ms = (int)b->o->timeout_ms,
        .packet_bytes_max = BENCH_PACKET_BYTES_MAX,
        .seed = (b->o->seed + 1) * 1000003 + s->index * 131 + s->opened,
        .session = { .tell = tell, .arg = s },
    };

    s->opened++;
    s->was_connected = false;
    /* The list was good for the stage's client. */
    zk_assert(zabc_new(&s->client, &conf) == 0);
    stage_identify(b, s->client);
}

/* ---- Sessions that stay. */

static void on_session(void *arg, const struct zabc_event *event)
{
    struct session *s = arg;
    struct bench *b = s->bench;

    if (event->state == ZK_STATE_SYNC_CONNECTED) {
        b->counts.reconnects += s->was_connected;
        b->up_count += !s->was_connected && s->opened == 1;
        s->was_connected = true;
        if (b->driver->is_up != NULL)
            b->driver->is_up(s);
    } else if (event->state == ZK_STATE_DISCONNECTED) {
        b->counts.connections_lost++;
    } else if (event->state == ZK_STATE_EXPIRED) {
        b->counts.expired++;
        s->client = zabc_free(s->client);
        if (b->driver->is_replaced != NULL)
            b->driver->is_replaced(s);
        session_open(s, on_session);
    } else if (event->state == ZK_STATE_AUTH_FAILED) {
        b->fatal = "authentication failed";
    }
}

bool sessions_open(struct bench *b)
{
    size_t count = (size_t)b->o->sessions;
    int64_t deadline = bench_now_ns() + b->o->timeout_ms * 2000000;

    for (size_t i = 0; i < count; i++)
        session_open(&b->sessions[i], on_session);
    while (b->up_count < count && b->fatal == NULL && b->signal == 0) {
        bench_turn(b);
        if (bench_now_ns() > deadline)
            b->fatal = "not all sessions could be opened";
    }
    return b->up_count == count;
}

static void on_closed(void *arg, const struct zabc_reply *reply)
{
    size_t *left = arg;

    (void)reply;
    --*left;
}

void sessions_close(struct bench *b)
{
    int64_t deadline = bench_now_ns() + (int64_t)CLOSE_MS * 1000000;
    size_t left = 0;

    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        struct zabc *client = b->sessions[i].client;

        if (client != NULL && zabc_close(client, (struct zabc_done){ on_closed, &left }) == 0)
            left++;
    }
    while (left > 0 && bench_now_ns() < deadline)
        bench_turn(b);
    for (size_t i = 0; i < (size_t)b->o->sessions; i++)
        b->sessions[i].client = zabc_free(b->sessions[i].client);
}

const struct driver hold_driver = { .begin = NULL };
