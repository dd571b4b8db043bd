/* What a question of the C client's suite has at hand: clients that are closed again, a relay
 * that can break their connections, logs of watch events, and assertions. */

#ifndef COMPAT_ASKER_H
#define COMPAT_ASKER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <zookeeper/zookeeper.h>

#define ASKER_CLIENTS_MAX 8
#define ASKER_EVENTS_MAX  256
#define ASKER_PATH_MAX    512

/* How long anything that has to happen may take. */
#define PATIENCE_S 20

struct relay; /* relay.h */

/* The events that a watch, or a client's session, has told. Filled by the client's threads. */
struct events {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    struct {
        int type;
        int state;
        char path[ASKER_PATH_MAX];
    } seen[ASKER_EVENTS_MAX];
};

struct asker {
    const char *connect; /* The servers, host:port[,host:port...]. */
    char root[ASKER_PATH_MAX];
    jmp_buf wrong;
    char reason[1024];
    struct relay *relay;
    int client_count;
    zhandle_t *clients[ASKER_CLIENTS_MAX]; /* NULL once closed. */
    struct events sessions[ASKER_CLIENTS_MAX];
};

struct question {
    const char *name;
    void (*ask)(struct asker *a);
};

extern const struct question basics_questions[];
extern const struct question async_questions[];
extern const struct question watch_questions[];
extern const struct question rights_questions[];
extern const struct question session_questions[];

#define QUESTION(f)          \
    {                        \
        .name = #f, .ask = f \
    }

/* Ends the question as wrongly answered. */
void wrong(struct asker *a, const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#define WRONG(a, ...) wrong((a), __FILE__, __LINE__, __VA_ARGS__)

#define EXPECT(a, condition)              \
    do {                                  \
        if (!(condition))                 \
            WRONG((a), "%s", #condition); \
    } while (0)

/* Compares two numbers: what a call returned, or a field, with what it must be. */
#define SAME(a, got, expected)                                                              \
    do {                                                                                    \
        long long got_ = (long long)(got), expected_ = (long long)(expected);               \
        if (got_ != expected_)                                                              \
            WRONG((a), "%s is %lld, expected %s = %lld", #got, got_, #expected, expected_); \
    } while (0)

#define SAME_TEXT(a, got, expected) same_text((a), __FILE__, __LINE__, #got, (got), (expected))

void same_text(struct asker *a, const char *file, int line, const char *what, const char *got,
               const char *expected);

/* Opens a client of the question's own chroot and waits until it is connected. timeout_ms is the
 * session timeout asked for. `through` is a server list, NULL for the suite's; `identity` a session
 * to take over, or NULL. */
zhandle_t *client_open(struct asker *a, const char *through, int timeout_ms,
                       const clientid_t *identity);

/* client_open() with the suite's servers and a timeout that no question reaches. */
zhandle_t *client(struct asker *a);

/* Closes the client, which ends its session; returns what zookeeper_close() says. */
int client_close(struct asker *a, zhandle_t *zh);

/* The session events of an open or closed client. */
struct events *client_events(struct asker *a, const zhandle_t *zh);

/* The address of a relay to the first server that accepts; made at the first call. */
const char *relay_of(struct asker *a);

void events_init(struct events *e);
void events_done(struct events *e);

/* A watcher_fn; the context is a struct events. Session events are kept only where `e` belongs
 * to a client. */
void events_watch(zhandle_t *zh, int type, int state, const char *path, void *context);

/* The same, session events too: also for clients of their own, as the watcher of
 * zookeeper_init(). */
void events_watch_all(zhandle_t *zh, int type, int state, const char *path, void *context);

/* Waits until there are `count` events, then checks the last of them. */
void events_expect(struct asker *a, struct events *e, int count, int type, const char *path);

/* Waits until the client has seen `state` after it had seen `skip` session events. */
void events_wait_state(struct asker *a, struct events *e, int skip, int state);

/* The same for where there is something to be closed first: false when it was not seen. */
bool events_see_state(struct events *e, int skip, int state);

int events_count(struct events *e);

/* Waits until nothing is on its way to this client: all its earlier events have been told. */
void settle(struct asker *a, zhandle_t *zh);

/* Creates a node with open rights and this text as data. */
void make(struct asker *a, zhandle_t *zh, const char *path, const char *data);

/* The data and, unless NULL, the stat of a node; the result is valid until the next call. */
const char *data_of(struct asker *a, zhandle_t *zh, const char *path, struct Stat *stat);

/* Waits until a sync and exists() of the node answers `rc`. */
void wait_for_rc(struct asker *a, zhandle_t *zh, const char *path, int rc);

double now_s(void);

#endif
