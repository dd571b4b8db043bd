/* What the parts of a run share.
 *
 *   run.c      the phases: set-up, sessions, warm-up, measuring, the rest, checks, removal
 *   stage.c    the nodes: made, checked and removed by a session of its own
 *   sessions.c the sessions that make the load: opened, put back when they expire, closed
 *   slots.c, watch.c, churn.c  the load
 *
 * Everything runs in one thread, in callbacks of one event loop. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/figures.h"
#include "bench/options.h"
#include "bench/pace.h"
#include "client/zabclient.h"
#include "util/list.h"
#include "util/rand.h"

struct bench;
struct session;
struct stage;

/* A request of a session, and what it is made for. */
struct slot {
    struct list link; /* session.free */
    struct session *session;
    int64_t due_ns;
    uint64_t node; /* The name of the node that it makes and deletes. */
    enum op_kind kind;
    bool has_node;
};

struct session {
    struct bench *bench;
    size_t index;
    struct zabc *client; /* NULL while there is none. */
    char *servers;       /* Its own order, with the chroot. */
    uint64_t opened;     /* How often. */
    bool was_connected;  /* This client, at some time. */
    /* slots.c */
    struct slot *slots;
    struct list free;      /* Slots without a request. */
    struct list available; /* bench.available, when paced. */
    /* watch.c */
    bool is_asking, is_armed, is_waited;
    /* churn.c */
    int64_t due_ns;
    int64_t close_ns; /* When closing began. */
    int64_t ephemerals_left;
    bool is_closing;
};

struct counts {
    uint64_t connections_lost, reconnects, expired;
};

/* A kind of load. All but begin may be NULL. */
struct driver {
    void (*begin)(struct bench *b);
    void (*is_up)(struct session *s);       /* Connected, for the first time or again. */
    void (*is_replaced)(struct session *s); /* It has expired. */
    void (*pump)(struct bench *b);          /* Sends what is due, when paced. */
    bool (*is_idle)(const struct bench *b); /* Nothing is under way. */
};

extern const struct driver slots_driver, watch_driver, churn_driver, hold_driver;

struct bench {
    const struct run_options *o;
    struct event_base *base;
    struct stage *stage;
    char *root;    /* The node that holds ours, below the chroot of the options. */
    uint8_t *data; /* o->size bytes. */
    struct rand_state rand;
    const struct driver *driver;
    struct session *sessions;
    size_t up_count; /* Sessions that were connected at least once. */
    struct counts counts;
    struct figures figures;
    const char *fatal; /* Why nothing can go on; NULL: it can. */
    int signal;        /* That interrupts; 0: none. */
    unsigned signals;  /* How many came. */

    bool is_sending;  /* Load may be made. */
    int64_t end_ns;   /* Nothing is due later. */
    uint64_t started; /* Counted operations of the measured period. */
    uint64_t under_way;
    uint64_t unfinished; /* That were due and had no answer in the end. */
    uint64_t missed;     /* Notifications that a lost session did not get. */
    struct pace pace;
    struct event *pacer;
    struct list available; /* Sessions that can take a paced operation. */
    uint64_t next_node;
};

int64_t bench_now_ns(void);

/* Whether another counted operation that is due then may be sent. */
bool bench_may_send(const struct bench *b, int64_t due_ns);
/* It was sent. */
void bench_sent(struct bench *b, int64_t due_ns);
static inline bool bench_is_paced(const struct bench *b)
{
    return b->o->rate > 0;
}
/* When paced: takes the next operation, if it is due. */
bool bench_take_due(struct bench *b, int64_t *ret_due_ns);
/* Has driver->pump() called when the next operation is due. */
void bench_set_pacer(struct bench *b);
/* One turn of the loop. */
void bench_turn(struct bench *b);

/* ---- sessions.c */

void sessions_init(struct bench *b);
void sessions_done(struct bench *b);
/* Begins to connect. */
void session_open(struct session *s, void (*tell)(void *arg, const struct zabc_event *event));
bool session_is_up(const struct session *s);
/* Opens all; false: they did not come up in time, or something is fatal. */
bool sessions_open(struct bench *b);
/* Ends all of them politely, as far as there is a connection. */
void sessions_close(struct bench *b);

#endif
