#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stage_impl.h"
#include "util/check.h"

/* ---- Paths. */

static char *put_number(char *to, uint64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    to[digits] = '\0';
    return to + digits;
}

void stage_key_path(char *ret, uint64_t key)
{
    ret[0] = '/';
    ret[1] = 'k';
    ret[2] = '/';
    (void)put_number(ret + 3, key, 8);
}

static char *dir_path(char *ret, uint64_t dir)
{
    ret[0] = '/';
    ret[1] = 'd';
    return put_number(ret + 2, dir, 3);
}

void stage_node_path(char *ret, uint64_t node, bool is_sequential)
{
    char *end = dir_path(ret, node % STAGE_DIRS);

    end[0] = '/';
    end[1] = 'n';
    if (is_sequential)
        end[2] = '\0';
    else
        (void)put_number(end + 2, node, 12);
}

/* ---- The session. */

void stage_identify(const struct bench *b, struct zabc *client)
{
    const char *colon = b->o->auth != NULL ? strchr(b->o->auth, ':') : NULL;

    if (colon == NULL)
        return;

    char *scheme = strndup(b->o->auth, (size_t)(colon - b->o->auth));

    zk_assert(scheme != NULL);
    (void)zabc_add_auth(client, scheme, jute_text(colon + 1), (struct zabc_done){ NULL, NULL });
    free(scheme);
}

static void on_session(void *arg, const struct zabc_event *event);

bool stage_connect(struct stage *st)
{
    struct bench *b = st->bench;
    const struct zabc_conf conf = {
        .base = b->base,
        .servers = b->o->servers,
        .timeout_ms = (int)b->o->timeout_ms,
        .packet_bytes_max = BENCH_PACKET_BYTES_MAX,
        .seed = b->o->seed + 1,
        .session = { .tell = on_session, .arg = st },
    };

    if (zabc_new(&st->client, &conf) < 0) {
        st->client = NULL;
        return false;
    }
    stage_identify(b, st->client);
    return true;
}

static void on_session(void *arg, const struct zabc_event *event)
{
    struct stage *st = arg;

    if (event->state == ZK_STATE_EXPIRED && !st->is_closing) {
        st->client = zabc_free(st->client);
        zk_assert(stage_connect(st)); /* It could before. */
    } else if (event->state == ZK_STATE_AUTH_FAILED) {
        st->bench->fatal = "authentication failed";
    }
}

struct zabc *stage_client(const struct bench *b)
{
    return b->stage->client;
}

bool stage_new(struct bench *b)
{
    struct stage *st = zk_xcalloc(1, sizeof *st);

    st->bench = b;
    b->stage = st;
    if (!stage_connect(st)) {
        b->fatal = "the list of servers is not valid";
        return false;
    }

    int64_t deadline = bench_now_ns() + b->o->timeout_ms * 1000000;

    while (zabc_state(st->client) != ZABC_CONNECTED && b->fatal == NULL && b->signal == 0) {
        bench_turn(b);
        if (bench_now_ns() > deadline)
            b->fatal = "no connection";
    }
    return b->fatal == NULL && b->signal == 0;
}

static void on_closed(void *arg, const struct zabc_reply *reply)
{
    bool *is_closed = arg;

    (void)reply;
    *is_closed = true;
}

void stage_free(struct bench *b)
{
    struct stage *st = b->stage;
    bool is_closed = false;

    if (st == NULL)
        return;
    st->is_closing = true;
    if (st->client != NULL &&
        zabc_close(st->client, (struct zabc_done){ on_closed, &is_closed }) == 0) {
        int64_t deadline = bench_now_ns() + 2000000000;

        while (!is_closed && bench_now_ns() < deadline)
            bench_turn(b);
    }
    zabc_free(st->client);
    free(st);
    b->stage = NULL;
}
