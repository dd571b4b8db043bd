/* What clients.py lets ZooKeeper's C client (libzookeeper_mt) do while servers die:
 * clients_c HOST:PORT,...
 *
 * Three handles, each with an ephemeral node; all take turns at a lock (an ephemeral node that
 * only one can make), the first counts a value up, all watch it. Says `ready`, works until a line
 * comes on stdin, then checks, and prints what was wrong as JSON. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

enum { CLIENTS = 3, PATIENCE_S = 60, TIMEOUT_MS = 20000, TEXT_MAX = 256, PROBLEMS_MAX = 20 };

struct client {
    int index;
    zhandle_t *zh;
    clientid_t id;
    atomic_int connects;
    atomic_bool expired;
    atomic_int events;
    atomic_long seen; /* The value that it saw last. */
    pthread_t locker, watcher;
};

static struct client clients[CLIENTS];
static atomic_bool stopping;
static atomic_bool is_last; /* The value does not change any more. */
static atomic_int holder;   /* Index + 1 of who has the lock. */
static atomic_long turns, value;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char problems[PROBLEMS_MAX][TEXT_MAX];
static int problem_count;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&lock);
    if (problem_count < PROBLEMS_MAX) {
        va_start(args, format);
        (void)vsnprintf(problems[problem_count++], TEXT_MAX, format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&lock);
}

static void nap(long ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_passing(int rc)
{
    return rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT || rc == ZINVALIDSTATE ||
           rc == ZSESSIONMOVED;
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct client *c = context;

    (void)zh;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    if (state == ZOO_CONNECTED_STATE)
        c->connects++;
    if (state == ZOO_EXPIRED_SESSION_STATE)
        c->expired = true;
}

static void on_value(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct client *c = context;

    (void)zh;
    (void)state;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        c->events++;
}

/* ---- Watching: reads anew after each event, and only then. */

static void look(struct client *c)
{
    char data[32];
    int events = c->events, rc = ZCONNECTIONLOSS;

    while (is_passing(rc)) {
        int len = (int)sizeof data - 1;

        rc = zoo_wget(c->zh, "/c/value", on_value, c, data, &len, NULL);
        if (rc == ZOK) {
            data[len > 0 ? len : 0] = 0;
            long got = strtol(data, NULL, 10);
            if (got < c->seen)
                wrong("client %d saw %ld after %ld", c->index, got, c->seen);
            c->seen = got;
        } else if (!is_passing(rc)) {
            wrong("client %d, watching: %s", c->index, zerror(rc));
            return;
        } else {
            nap(20);
        }
    }
    for (double end = 0; c->events == events && !(is_last && c->seen == value) && !c->expired;) {
        if (is_last && end == 0)
            end = now_s() + PATIENCE_S;
        if (end != 0 && now_s() > end)
            return;
        nap(1);
    }
}

static void *watch(void *context)
{
    struct client *c = context;
    while (!c->expired && !(is_last && c->seen == value)) {
        int events = c->events;

        look(c);
        if (is_last && c->events == events)
            break; /* It waited for an event in vain. */
    }
    return NULL;
}

/* ---- The lock. */

/* Whether it is ours now. An end that is unknown is looked up: the node says whose it is. */
static bool acquire(struct client *c)
{
    struct Stat stat;
    int rc = zoo_create(c->zh, "/c/lock", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
    bool is_unknown = is_passing(rc);

    while (is_unknown) {
        nap(20);
        rc = zoo_create(c->zh, "/c/lock", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
        if (is_passing(rc))
            continue;
        is_unknown = false;
        if (rc == ZNODEEXISTS && zoo_exists(c->zh, "/c/lock", 0, &stat) == ZOK &&
            stat.ephemeralOwner == c->id.client_id)
            rc = ZOK;
    }
    if (rc != ZOK && rc != ZNODEEXISTS)
        wrong("client %d, lock: %s", c->index, zerror(rc));
    return rc == ZOK;
}

/* A deletion of unknown end may have been done, and the lock be another's by now. */
static int release_again(struct client *c)
{
    struct Stat stat;
    int rc = zoo_exists(c->zh, "/c/lock", 0, &stat);

    if (rc == ZOK && stat.ephemeralOwner != c->id.client_id)
        return ZNONODE;
    return rc == ZOK ? zoo_delete(c->zh, "/c/lock", -1) : rc;
}

static void release(struct client *c)
{
    int rc = ZCONNECTIONLOSS;
    bool was_unknown = false;

    while (is_passing(rc)) {
        rc = was_unknown ? release_again(c) : zoo_delete(c->zh, "/c/lock", -1);
        if (is_passing(rc)) {
            was_unknown = true;
            nap(20);
        }
    }
    if (rc != ZOK && !(rc == ZNONODE && was_unknown))
        wrong("client %d, unlock: %s", c->index, zerror(rc));
}

static void set_value(struct client *c)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%ld", value + 1), rc = ZCONNECTIONLOSS;

    while (is_passing(rc)) {
        rc = zoo_set(c->zh, "/c/value", text, len, -1);
        if (is_passing(rc))
            nap(20);
    }
    if (rc != ZOK)
        wrong("client %d, set: %s", c->index, zerror(rc));
    value++;
}

static void *work(void *context)
{
    struct client *c = context;

    while (!stopping && !c->expired) {
        if (acquire(c)) {
            int other = atomic_exchange(&holder, c->index + 1);
            if (other != 0)
                wrong("clients %d and %d hold the lock", other - 1, c->index);
            turns++;
            nap(2);
            atomic_store(&holder, 0);
            /* The value grows by 0's turns only, so that it has one writer. */
            release(c);
        }
        if (c->index == 0)
            set_value(c);
        nap(3);
    }
    return NULL;
}

/* ---- All of it. */

static void open_client(struct client *c, const char *hosts)
{
    double end = now_s() + PATIENCE_S;

    c->zh = zookeeper_init(hosts, on_session, TIMEOUT_MS, NULL, c, 0);
    while (c->zh == NULL || zoo_state(c->zh) != ZOO_CONNECTED_STATE) {
        if (c->zh == NULL || now_s() > end) {
            (void)fprintf(stderr, "client %d can't connect\n", c->index);
            exit(2);
        }
        nap(5);
    }
    c->id = *zoo_client_id(c->zh);
}

static void make(struct client *c, const char *path, const char *data, int flags)
{
    int rc = ZCONNECTIONLOSS;

    while (is_passing(rc))
        rc = zoo_create(c->zh, path, data, (int)strlen(data), &ZOO_OPEN_ACL_UNSAFE, flags, NULL, 0);
    if (rc != ZOK && rc != ZNODEEXISTS)
        wrong("create %s: %s", path, zerror(rc));
}

static void verify(struct client *c)
{
    char path[32];
    struct Stat stat = { .ephemeralOwner = 0 };
    int rc = ZCONNECTIONLOSS;
    double end = now_s() + PATIENCE_S;

    (void)snprintf(path, sizeof path, "/c/e%d", c->index);
    while (is_passing(rc) && now_s() < end) {
        rc = zoo_exists(c->zh, path, 0, &stat);
        if (is_passing(rc))
            nap(20);
    }
    if (rc != ZOK || stat.ephemeralOwner != c->id.client_id)
        wrong("client %d's ephemeral: %s, of %llx", c->index, zerror(rc),
              (unsigned long long)stat.ephemeralOwner);
    if (c->expired || zoo_client_id(c->zh)->client_id != c->id.client_id)
        wrong("client %d lost its session", c->index);
    if (c->seen != value)
        wrong("client %d saw %ld, not %ld", c->index, c->seen, value);
}

int main(int argc, char **argv)
{
    char line[16], path[32];

    if (argc != 2)
        return 2;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    (void)freopen("/dev/null", "w", stderr);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].index = i;
        open_client(&clients[i], argv[1]);
    }
    make(&clients[0], "/c", "", 0);
    make(&clients[0], "/c/value", "0", 0);
    for (int i = 0; i < CLIENTS; i++) {
        (void)snprintf(path, sizeof path, "/c/e%d", i);
        make(&clients[i], path, "", ZOO_EPHEMERAL);
        pthread_create(&clients[i].locker, NULL, work, &clients[i]);
        pthread_create(&clients[i].watcher, NULL, watch, &clients[i]);
    }
    (void)puts("ready");
    (void)fflush(stdout);
    (void)fgets(line, sizeof line, stdin);
    stopping = true;
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].locker, NULL);
    is_last = true;
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].watcher, NULL);
    for (int i = 0; i < CLIENTS; i++)
        verify(&clients[i]);
    if (turns < 10)
        wrong("only %ld turns at the lock", turns);
    (void)printf("{\"turns\": %ld, \"values\": %ld, \"problems\": [", turns, value);
    for (int i = 0; i < problem_count; i++)
        (void)printf("%s\"%s\"", i > 0 ? ", " : "", problems[i]);
    (void)puts("]}");
    (void)fflush(stdout);
    for (int i = 0; i < CLIENTS; i++)
        (void)zookeeper_close(clients[i].zh);
    return 0;
}
