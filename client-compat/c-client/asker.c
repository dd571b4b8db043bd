/* See asker.h. */

#include "asker.h"
#include "relay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDLE_TIMEOUT_MS 20000

void wrong(struct asker *a, const char *file, int line, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    size_t len;
    va_list args;

    len = (size_t)snprintf(a->reason, sizeof(a->reason), "%s:%d: ", name ? name + 1 : file, line);
    va_start(args, format);
    vsnprintf(a->reason + len, sizeof(a->reason) - len, format, args);
    va_end(args);
    longjmp(a->wrong, 1);
}

void same_text(struct asker *a, const char *file, int line, const char *what, const char *got,
               const char *expected)
{
    if (got == NULL || strcmp(got, expected) != 0)
        wrong(a, file, line, "%s is '%.200s', expected '%.200s'", what, got ? got : "(null)",
              expected);
}

double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void events_init(struct events *e)
{
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    e->count = 0;
}

void events_done(struct events *e)
{
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
}

static void events_add(struct events *e, int type, int state, const char *path)
{
    pthread_mutex_lock(&e->lock);
    if (e->count < ASKER_EVENTS_MAX) {
        e->seen[e->count].type = type;
        e->seen[e->count].state = state;
        snprintf(e->seen[e->count].path, sizeof(e->seen[e->count].path), "%s", path ? path : "");
        e->count++;
    }
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

void events_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    if (type != ZOO_SESSION_EVENT)
        events_add(context, type, state, path);
}

void events_watch_all(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    events_add(context, type, state, path);
}

static struct timespec deadline(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += PATIENCE_S;
    return t;
}

int events_count(struct events *e)
{
    pthread_mutex_lock(&e->lock);

    int count = e->count;

    pthread_mutex_unlock(&e->lock);
    return count;
}

void events_expect(struct asker *a, struct events *e, int count, int type, const char *path)
{
    struct timespec until = deadline();
    int status = 0;

    pthread_mutex_lock(&e->lock);
    while (e->count < count && status == 0)
        status = pthread_cond_timedwait(&e->changed, &e->lock, &until);

    int got = e->count;
    int last_type = got > 0 ? e->seen[got - 1].type : 0;
    char last_path[ASKER_PATH_MAX];

    snprintf(last_path, sizeof(last_path), "%s", got > 0 ? e->seen[got - 1].path : "");
    pthread_mutex_unlock(&e->lock);
    if (got != count || (count > 0 && (last_type != type || strcmp(last_path, path) != 0)))
        WRONG(a, "%d events, the last of type %d at '%s', expected %d, type %d at '%s'", got,
              last_type, last_path, count, type, path);
}

/* Whether a session event of that state is among those behind the first `skip`. Under the lock. */
static bool has_state(const struct events *e, int skip, int state)
{
    for (int i = skip; i < e->count; i++)
        if (e->seen[i].type == ZOO_SESSION_EVENT && e->seen[i].state == state)
            return true;
    return false;
}

bool events_see_state(struct events *e, int skip, int state)
{
    struct timespec until = deadline();
    int status = 0;

    pthread_mutex_lock(&e->lock);
    while (!has_state(e, skip, state) && status == 0)
        status = pthread_cond_timedwait(&e->changed, &e->lock, &until);

    bool found = has_state(e, skip, state);

    pthread_mutex_unlock(&e->lock);
    return found;
}

void events_wait_state(struct asker *a, struct events *e, int skip, int state)
{
    if (!events_see_state(e, skip, state))
        WRONG(a, "the session state %d does not come", state);
}

/* Waits until there are more events than `count`. False: there are none. */
static bool events_see_more(struct events *e, int count)
{
    struct timespec until = deadline();
    int status = 0;

    pthread_mutex_lock(&e->lock);
    while (e->count <= count && status == 0)
        status = pthread_cond_timedwait(&e->changed, &e->lock, &until);

    bool found = e->count > count;

    pthread_mutex_unlock(&e->lock);
    return found;
}

zhandle_t *client_open(struct asker *a, const char *through, int timeout_ms,
                       const clientid_t *identity)
{
    char hosts[2 * ASKER_PATH_MAX];
    int index = a->client_count;

    if (index == ASKER_CLIENTS_MAX)
        WRONG(a, "the question has too many clients");
    snprintf(hosts, sizeof(hosts), "%s%s", through ? through : a->connect, a->root);
    events_init(&a->sessions[index]);
    a->clients[index] =
        zookeeper_init(hosts, events_watch_all, timeout_ms, identity, &a->sessions[index], 0);
    a->client_count++;
    if (a->clients[index] == NULL)
        WRONG(a, "zookeeper_init: %s", strerror(errno));
    events_wait_state(a, &a->sessions[index], 0, ZOO_CONNECTED_STATE);
    return a->clients[index];
}

zhandle_t *client(struct asker *a)
{
    return client_open(a, NULL, IDLE_TIMEOUT_MS, NULL);
}

static int client_index(struct asker *a, const zhandle_t *zh)
{
    for (int i = 0; i < a->client_count; i++)
        if (a->clients[i] == zh)
            return i;
    WRONG(a, "not a client of this question");
}

int client_close(struct asker *a, zhandle_t *zh)
{
    int i = client_index(a, zh);

    a->clients[i] = NULL;
    return zookeeper_close(zh);
}

struct events *client_events(struct asker *a, const zhandle_t *zh)
{
    return &a->sessions[client_index(a, zh)];
}

const char *relay_of(struct asker *a)
{
    if (a->relay == NULL)
        a->relay = relay_new(a->connect);
    if (a->relay == NULL)
        WRONG(a, "no relay: %s", strerror(errno));
    return relay_address(a->relay);
}

struct settling {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    int rc;
};

static void settled(int rc, const char *value, const void *data)
{
    struct settling *s = (struct settling *)(uintptr_t)data;

    (void)value;
    pthread_mutex_lock(&s->lock);
    s->is_done = true;
    s->rc = rc;
    pthread_cond_signal(&s->done);
    pthread_mutex_unlock(&s->lock);
}

void settle(struct asker *a, zhandle_t *zh)
{
    /* Static, since a late completion may come after this has given up. */
    static struct settling s = { .lock = PTHREAD_MUTEX_INITIALIZER,
                                 .done = PTHREAD_COND_INITIALIZER };
    struct timespec until = deadline();
    int status = 0;

    /* Events and completions leave the client through one queue, in order. */
    s.is_done = false;
    SAME(a, zoo_async(zh, "/", settled, &s), ZOK);
    pthread_mutex_lock(&s.lock);
    while (!s.is_done && status == 0)
        status = pthread_cond_timedwait(&s.done, &s.lock, &until);
    pthread_mutex_unlock(&s.lock);
    SAME(a, status, 0);
    SAME(a, s.rc, ZOK);
}

void make(struct asker *a, zhandle_t *zh, const char *path, const char *data)
{
    int rc = zoo_create(zh, path, data, (int)strlen(data), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                        NULL, 0);

    if (rc != ZOK)
        WRONG(a, "create %s: %s", path, zerror(rc));
}

const char *data_of(struct asker *a, zhandle_t *zh, const char *path, struct Stat *stat)
{
    static char data[4096];
    struct Stat ignored;
    int len = sizeof(data) - 1;
    int rc = zoo_get(zh, path, 0, data, &len, stat ? stat : &ignored);

    if (rc != ZOK)
        WRONG(a, "get %s: %s", path, zerror(rc));
    data[len < 0 ? 0 : len] = '\0';
    return data;
}

void wait_for_rc(struct asker *a, zhandle_t *zh, const char *path, int rc)
{
    static struct events changes; /* A watch that is left over may still fire. */
    static bool is_ready;
    struct Stat stat;

    if (!is_ready)
        events_init(&changes);
    is_ready = true;
    for (;;) {
        settle(a, zh);

        int before = events_count(&changes);
        int got = zoo_wexists(zh, path, events_watch_all, &changes, &stat);

        if (got == rc)
            return;
        if (!events_see_more(&changes, before))
            WRONG(a, "exists %s stays %d, expected %d", path, got, rc);
    }
}
