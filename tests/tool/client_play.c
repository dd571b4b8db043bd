/* Asks a server everything that client/zabclient.h can ask, and checks what it answers.
 *
 *   client_play HOST:PORT[,...]
 *
 * The server is zabd or ZooKeeper with extendedTypesEnabled. Everything happens below a node of
 * this run alone. Prints `N questions, all answered` and ends with 0, or says what was wrong, and
 * ends with 1. */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/zabclient.h"

enum { PATIENCE_S = 30, EVENTS_MAX = 32 };

/* What the last answer was: copied, since answers are borrowed. */
struct answer {
    bool is_here;
    int err;
    bool has_stat;
    struct zk_stat stat;
    char path[256];
    char data[512];
    int32_t data_len;
    char strs[512]; /* Joined with blanks. */
    int32_t strs_count, ids_count, acl_count;
    int32_t number;
    int result_errs[8];
    size_t results_count;
};

static struct event_base *base;
static struct answer answer;
static unsigned questions_count;
static bool is_late;

static struct {
    char text[128];
} events[EVENTS_MAX];
static size_t events_count, events_seen;
static enum zk_state session_state = ZK_STATE_UNKNOWN;

/* ---- Verdicts. */

#define expect(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

static _Noreturn void fail(int line, const char *what)
{
    (void)fprintf(stderr, "client_play: line %d: not so: %s\n", line, what);
    (void)fprintf(stderr, "  last answer: err %d path '%s' data '%s' list '%s'\n", answer.err,
                  answer.path, answer.data, answer.strs);
    for (size_t i = 0; i < events_count; i++)
        (void)fprintf(stderr, "  event %zu: %s\n", i, events[i].text);
    exit(1);
}

/* ---- What comes. */

static void copy_text(char *ret, size_t size, struct jute_bytes from)
{
    size_t len = from.len > 0 ? (size_t)from.len : 0;

    if (len >= size)
        len = size - 1;
    if (len > 0)
        memcpy(ret, from.at, len);
    ret[len] = '\0';
}

static void copy_strs(struct answer *ret, struct jute_vector v)
{
    struct jute_in walk = jute_walk(v);
    struct jute_bytes s;

    ret->strs_count = v.count;
    while (jute_next_str(&walk, &s)) {
        char one[128];
        size_t len = strlen(ret->strs);

        copy_text(one, sizeof one, s);
        (void)snprintf(ret->strs + len, sizeof ret->strs - len, len > 0 ? " %s" : "%s", one);
    }
}

static void on_answer(void *arg, const struct zabc_reply *reply)
{
    struct answer a = { .is_here = true,
                        .err = reply->err,
                        .has_stat = reply->has_stat,
                        .stat = reply->stat,
                        .data_len = reply->data.len,
                        .ids_count = reply->ids.count,
                        .acl_count = reply->acl.count,
                        .number = reply->number,
                        .results_count = reply->results_count };

    (void)arg;
    copy_text(a.path, sizeof a.path, reply->path);
    copy_text(a.data, sizeof a.data, reply->data);
    copy_strs(&a, reply->strs);
    for (size_t i = 0; i < reply->results_count && i < 8; i++)
        a.result_errs[i] = reply->results[i].err;
    answer = a;
}

static void on_event(void *arg, const struct zabc_event *event)
{
    (void)arg;
    if (events_count < EVENTS_MAX)
        (void)snprintf(events[events_count++].text, sizeof events[0].text, "%d %s",
                       (int)event->type, event->path);
}

static void on_session(void *arg, const struct zabc_event *event)
{
    (void)arg;
    session_state = event->state;
}

static const struct zabc_done done = { .tell = on_answer };
static const struct zabc_watcher watcher = { .tell = on_event };

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    is_late = true;
}

static void turn(int line)
{
    (void)event_base_loop(base, EVLOOP_ONCE);
    if (is_late)
        fail(line, "in time");
}

/* Waits for the answer of what was asked with `done`. */
static int asked(int line, int r)
{
    answer.is_here = false;
    questions_count++;
    if (r != 0)
        return r;
    while (!answer.is_here)
        turn(line);
    return answer.err;
}
#define ask(call) asked(__LINE__, call)

static void expect_event(int line, const char *text)
{
    while (events_count == events_seen)
        turn(line);
    if (strcmp(events[events_seen].text, text) != 0)
        fail(line, text);
    events_seen++;
}
#define event_is(text) expect_event(__LINE__, text)

static struct zabc *open_client(const char *servers, const char *chroot, zk_session_id id,
                                struct jute_bytes passwd)
{
    char list[1024];
    struct zabc *c;

    (void)snprintf(list, sizeof list, "%s%s", servers, chroot);

    const struct zabc_conf conf = { .base = base,
                                    .servers = list,
                                    .timeout_ms = 10000,
                                    .session = { .tell = on_session },
                                    .session_id = id,
                                    .passwd = passwd };

    expect(zabc_new(&c, &conf) == 0);
    return c;
}

static int create(struct zabc *c, const char *path, const char *data, enum zk_create_mode mode)
{
    const struct zabc_create what = { .path = path,
                                      .data = data != NULL ? jute_text(data)
                                                           : (struct jute_bytes){ .len = -1 },
                                      .mode = mode,
                                      .ttl_ms = 600000 };

    return zabc_create(c, &what, done);
}

/* ---- The questions. */

static void ask_nodes(struct zabc *c)
{
    expect(ask(create(c, "/a", "one", ZK_CREATE_PERSISTENT)) == ZK_OK);
    expect(strcmp(answer.path, "/a") == 0);
    expect(ask(create(c, "/a", "one", ZK_CREATE_PERSISTENT)) == ZK_NODE_EXISTS);
    expect(ask(create(c, "/a/s-", NULL, ZK_CREATE_PERSISTENT_SEQUENTIAL)) == ZK_OK);
    expect(strcmp(answer.path, "/a/s-0000000000") == 0);
    expect(ask(create(c, "/a/", NULL, ZK_CREATE_EPHEMERAL_SEQUENTIAL)) == ZK_OK);
    expect(strcmp(answer.path, "/a/0000000001") == 0);
    expect(ask(create(c, "/box", NULL, ZK_CREATE_CONTAINER)) == ZK_OK);
    expect(ask(create(c, "/brief", NULL, ZK_CREATE_PERSISTENT_WITH_TTL)) == ZK_OK);
    expect(answer.has_stat && answer.stat.version == 0);
    expect(ask(create(c, "a", NULL, ZK_CREATE_PERSISTENT)) == -EINVAL);
    expect(ask(zabc_get_data(c, "/a", NULL, done)) == ZK_OK);
    expect(strcmp(answer.data, "one") == 0 && answer.has_stat && answer.stat.num_children == 2);
    expect(ask(zabc_set_data(c, "/a", jute_text("two"), 0, done)) == ZK_OK);
    expect(answer.stat.version == 1);
    expect(ask(zabc_set_data(c, "/a", jute_text("no"), 0, done)) == ZK_BAD_VERSION);
    expect(ask(zabc_exists(c, "/a", NULL, done)) == ZK_OK && answer.stat.data_length == 3);
    expect(ask(zabc_exists(c, "/none", NULL, done)) == ZK_NO_NODE);
    expect(ask(zabc_get_children(c, "/", NULL, false, done)) == ZK_OK && answer.strs_count == 3);
    expect(!answer.has_stat);
    expect(ask(zabc_get_children(c, "/a", NULL, true, done)) == ZK_OK && answer.strs_count == 2);
    expect(answer.has_stat);
    expect(ask(zabc_get_all_children_number(c, "/", done)) == ZK_OK && answer.number == 5);
    expect(ask(zabc_get_ephemerals(c, "/", done)) == ZK_OK && answer.strs_count == 1);
    expect(ask(zabc_sync(c, "/a", done)) == ZK_OK);
    expect(ask(zabc_delete(c, "/a", -1, done)) == ZK_NOT_EMPTY);
    expect(ask(zabc_delete(c, "/a/0000000001", 0, done)) == ZK_OK);
    expect(ask(zabc_get_config(c, NULL, done)) == ZK_OK);
    expect(ask(zabc_reconfig(c, NULL, "9", NULL, -1, done)) == ZK_RECONFIG_DISABLED);
}

static void ask_rights(struct zabc *c)
{
    static const struct jute_acl entry = { .perms = ZK_PERM_ALL };
    struct jute_acl mine = entry;
    const struct zabc_acl acl = { .entries = &mine, .count = 1 };
    const struct zabc_acl none = { .entries = &mine, .count = 0 };

    mine.scheme = jute_text("auth");
    mine.id = jute_text("");
    expect(ask(zabc_set_acl(c, "/a", &acl, -1, done)) == ZK_INVALID_ACL);
    expect(ask(zabc_add_auth(c, "digest", jute_text("ann:secret"), done)) == ZK_OK);
    expect(ask(zabc_who_am_i(c, done)) == ZK_OK && answer.ids_count == 2);
    expect(ask(zabc_set_acl(c, "/a", &none, -1, done)) == -EINVAL);
    expect(ask(zabc_set_acl(c, "/a", &acl, 0, done)) == ZK_OK && answer.stat.aversion == 1);
    expect(ask(zabc_get_acl(c, "/a", done)) == ZK_OK && answer.acl_count == 1);
}

static void ask_multi(struct zabc *c)
{
    const struct zabc_create what = { .path = "/m", .data = jute_text("m"), .wants_stat = true };
    struct zabc_multi m;

    zabc_multi_begin(&m, c);
    zabc_multi_create(&m, &what);
    zabc_multi_check(&m, "/m", 0);
    zabc_multi_set_data(&m, "/m", jute_text("mm"), 0);
    expect(ask(zabc_multi_submit(&m, done)) == ZK_OK && answer.results_count == 3);
    zabc_multi_begin(&m, c);
    zabc_multi_set_data(&m, "/m", jute_text("x"), -1);
    zabc_multi_check(&m, "/m", 7);
    zabc_multi_delete(&m, "/m", -1);
    expect(ask(zabc_multi_submit(&m, done)) == ZK_BAD_VERSION && answer.results_count == 3);
    expect(answer.result_errs[0] == ZK_OK && answer.result_errs[1] == ZK_BAD_VERSION &&
           answer.result_errs[2] == ZK_RUNTIME_INCONSISTENCY);
    zabc_multi_begin(&m, c);
    zabc_multi_get_data(&m, "/m");
    zabc_multi_get_children(&m, "/none");
    expect(ask(zabc_multi_submit_reads(&m, done)) == ZK_OK && answer.results_count == 2);
    expect(answer.result_errs[0] == ZK_OK && answer.result_errs[1] == ZK_NO_NODE);
    zabc_multi_begin(&m, c);
    zabc_multi_delete(&m, "m", -1);
    expect(ask(zabc_multi_submit(&m, done)) == -EINVAL);
    zabc_multi_begin(&m, c);
    expect(ask(zabc_multi_submit(&m, done)) == ZK_OK && answer.results_count == 0);
}

static void ask_watches(struct zabc *c)
{
    expect(ask(zabc_get_data(c, "/m", &watcher, done)) == ZK_OK);
    expect(ask(zabc_get_children(c, "/m", &watcher, false, done)) == ZK_OK);
    expect(ask(zabc_exists(c, "/unborn", &watcher, done)) == ZK_NO_NODE);
    expect(ask(zabc_check_watches(c, "/m", ZK_WATCHER_DATA, done)) == ZK_OK);
    expect(ask(zabc_set_data(c, "/m", jute_text("w"), -1, done)) == ZK_OK);
    event_is("3 /m");
    expect(ask(zabc_check_watches(c, "/m", ZK_WATCHER_DATA, done)) == ZK_NO_WATCHER);
    expect(ask(create(c, "/m/child", NULL, ZK_CREATE_PERSISTENT)) == ZK_OK);
    event_is("4 /m");
    expect(ask(create(c, "/unborn", NULL, ZK_CREATE_PERSISTENT)) == ZK_OK);
    event_is("1 /unborn");
    expect(ask(zabc_add_watch(c, "/m", ZK_ADD_WATCH_PERSISTENT, &watcher, done)) == ZK_OK);
    expect(ask(zabc_add_watch(c, "/unborn", ZK_ADD_WATCH_PERSISTENT_RECURSIVE, &watcher, done)) ==
           ZK_OK);
    expect(ask(create(c, "/unborn/x", NULL, ZK_CREATE_PERSISTENT)) == ZK_OK);
    event_is("1 /unborn/x");
    expect(ask(zabc_delete(c, "/m/child", -1, done)) == ZK_OK);
    event_is("4 /m");
    expect(ask(zabc_remove_watches(c, "/m", ZK_WATCHER_DATA, NULL, false, done)) == ZK_NO_WATCHER);
    expect(ask(zabc_remove_watches(c, "/m", ZK_WATCHER_PERSISTENT, &watcher, false, done)) ==
           ZK_OK);
    event_is("7 /m");
    expect(ask(zabc_remove_watches(c, "/unborn", ZK_WATCHER_ANY, NULL, false, done)) == ZK_OK);
    event_is("7 /unborn");
    expect(ask(zabc_set_data(c, "/m", jute_text("quiet"), -1, done)) == ZK_OK);
    expect(events_count == events_seen);
}

/* The session goes on in another client; what it closed is gone. */
static void ask_sessions(struct zabc *first, const char *servers, const char *chroot)
{
    uint8_t passwd[64];
    struct jute_bytes kept = { .at = passwd, .len = zabc_passwd(first).len };
    zk_session_id id = zabc_session_id(first);

    expect(kept.len > 0 && kept.len <= (int32_t)sizeof passwd && id != 0);
    memcpy(passwd, zabc_passwd(first).at, (size_t)kept.len);
    expect(ask(create(first, "/ephemeral", NULL, ZK_CREATE_EPHEMERAL)) == ZK_OK);
    zabc_free(first);

    struct zabc *c = open_client(servers, chroot, id, kept);

    expect(ask(zabc_exists(c, "/ephemeral", NULL, done)) == ZK_OK);
    expect(answer.stat.ephemeral_owner == id && zabc_session_id(c) == id);
    expect(ask(zabc_close(c, done)) == ZK_OK && zabc_state(c) == ZABC_CLOSED);
    expect(session_state == ZK_STATE_CLOSED);
    expect(ask(zabc_sync(c, "/", done)) == ZK_SESSION_EXPIRED);
    zabc_free(c);

    /* Nobody has it any more. */
    c = open_client(servers, chroot, id, kept);
    expect(ask(zabc_sync(c, "/", done)) == ZK_SESSION_EXPIRED);
    expect(session_state == ZK_STATE_EXPIRED);
    zabc_free(c);
    c = open_client(servers, chroot, 0, (struct jute_bytes){ .len = -1 });
    expect(ask(zabc_exists(c, "/ephemeral", NULL, done)) == ZK_NO_NODE);
    expect(ask(zabc_add_auth(c, "unheard-of", jute_text("x"), done)) == ZK_AUTH_FAILED);
    expect(zabc_state(c) == ZABC_AUTH_FAILED && session_state == ZK_STATE_AUTH_FAILED);
    expect(ask(zabc_sync(c, "/", done)) == ZK_AUTH_FAILED);
    zabc_free(c);
}

static void sweep(struct zabc *c)
{
    static const char *const paths[] = { "/a/s-0000000000", "/a",     "/box", "/brief", "/m",
                                         "/unborn/x",       "/unborn" };

    expect(ask(zabc_add_auth(c, "digest", jute_text("ann:secret"), done)) == ZK_OK);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        expect(ask(zabc_delete(c, paths[i], -1, done)) == ZK_OK);
    expect(ask(zabc_close(c, done)) == ZK_OK);
    zabc_free(c);
}

int main(int argc, char **argv)
{
    static const struct timeval patience = { .tv_sec = PATIENCE_S };
    static const struct jute_bytes nothing = { .len = -1 };
    char root[64];

    if (argc != 2) {
        (void)fprintf(stderr, "usage: client_play HOST:PORT[,...]\n");
        return 2;
    }
    base = event_base_new();
    expect(base != NULL);

    struct event *late = evtimer_new(base, on_late, NULL);

    (void)event_add(late, &patience);
    (void)snprintf(root, sizeof root, "/client-play-%ld", (long)getpid());

    struct zabc *whole = open_client(argv[1], "", 0, nothing);

    expect(ask(create(whole, root, NULL, ZK_CREATE_PERSISTENT)) == ZK_OK);
    expect(session_state == ZK_STATE_SYNC_CONNECTED);

    struct zabc *c = open_client(argv[1], root, 0, nothing);

    ask_nodes(c);
    ask_rights(c);
    ask_multi(c);
    ask_watches(c);
    ask_sessions(c, argv[1], root);
    sweep(open_client(argv[1], root, 0, nothing));
    expect(ask(zabc_delete(whole, root, -1, done)) == ZK_OK);
    expect(ask(zabc_close(whole, done)) == ZK_OK);
    zabc_free(whole);
    event_free(late);
    event_base_free(base);
    (void)printf("%u questions, all answered\n", questions_count);
    return 0;
}
