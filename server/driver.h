/* The driver: turns of the loop, and what carries the service's words to the disk and
 * back. Everything here runs on the loop thread. */
#ifndef SERVER_DRIVER_H
#define SERVER_DRIVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"
#include "server/net/net.h"
#include "server/request/service.h"
#include "server/state/dump.h"
#include "server/store/dirs.h"
#include "server/store/wal.h"
#include "util/rand.h"

struct driver {
    const struct config *conf;
    struct event_base *base;
    struct dirs dirs;
    struct service service;
    struct net net;
    struct wal *wal;

    int wal_fd, dump_fd; /* eventfds: something is durable; a chunk was taken. */
    struct event wal_event, dump_event, timer_event;
    struct event term_event, int_event, hup_event;
    bool has_events;
    int64_t timer_ms; /* What timer_event is set to; INT64_MAX: not set. */

    /* One turn. */
    bool is_awake;     /* The clocks of this turn are set. */
    bool has_more;     /* The service could go on at once. */
    uint64_t packets;  /* Received before this turn... */
    uint64_t input_us; /* ...which is the last that received any. */
    uint64_t turn_us;

    /* Stopping. */
    bool is_stopping;
    int64_t stop_ms; /* When patience ends. */

    /* Snapshots (storage-format 2.7). */
    struct dump *dump; /* NULL: none under way. */
    bool dump_wants_cpu;
    uint64_t dump_began_us;
    uint64_t dump_next_us; /* When the next slice is, if there is something else to do. */
    uint64_t dump_rest_us; /* No other snapshot before. */
    uint64_t txns_before;  /* Replayed at start: they count towards the next one. */
    uint64_t txns_limit;   /* Drawn anew for each snapshot. */
    uint64_t bytes_limit;  /* 0: off. */
    uint64_t log_bytes;    /* Files since the last one, padding included. */
    zk_zxid roll_zxid;     /* Last txn of the file that was ended for it. */
    struct rand_state rand;

    /* Purging runs on a thread of its own: it reads and deletes large files. */
    pthread_t purge_thread;
    bool is_purging;
    int purge_done;   /* Atomic. */
    int64_t purge_ms; /* When next; INT64_MAX: never. */

    int64_t reap_ms;       /* When next. */
    int64_t reap_began_ms; /* Of the round under way. */
};

/* From a configuration to a server that answers. Returns 0, or the exit code of the process after a
 * line on the log: 2 configuration, 3 data directory, 1 anything else. */
int driver_start(struct driver *d, const struct config *conf);
/* Turns until a signal asks to stop and what was under way is done. Returns the exit
 * code. */
int driver_run(struct driver *d);
void driver_stop(struct driver *d); /* Frees everything, also after a start that failed. */

/* ---- Parts of it. */
void driver_wake(void *ctx); /* Sets the clocks, once a turn. */
/* The log failed: says so and ends the process at once; nothing more is acknowledged. */
_Noreturn void driver_log_failed(int err);

int driver_add_events(struct driver *d);

/* snapshots.c */
void snapshots_init(struct driver *d);
/* Whether this batch is the last before a snapshot; marks it and begins the snapshot. */
void snapshots_look(struct driver *d, struct wal_batch *b);
void snapshots_step(struct driver *d);
/* When snapshots_step() would do something, us; UINT64_MAX: not by itself. */
uint64_t snapshots_deadline_us(const struct driver *d);
void snapshots_stop(struct driver *d);
void purge_look(struct driver *d);
void purge_stop(struct driver *d);

#endif
