/* The driver: turns of the loop, and what carries the service's and the ensemble's words to
 * the disk and to the peers, and back. Everything here runs on the loop thread. */
#ifndef SERVER_DRIVER_H
#define SERVER_DRIVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"
#include "server/disk.h"
#include "server/dynamic.h"
#include "server/ensemble/ensemble.h"
#include "server/net/client_port.h"
#include "server/net/net.h"
#include "server/net/peers.h"
#include "server/request/service.h"

struct driver {
    const struct config *conf;
    struct event_base *base;
    struct disk disk;
    struct service service;
    struct net net;
    struct client_port client_port;

    /* With peers. */
    struct peers *peers; /* NULL: a server of one. */
    struct dynamic dynamic;
    zab_link last_link;         /* Names given to links. */
    struct summary election_ms; /* How long elections took. */
    int64_t looking_ms;         /* Since when; INT64_MAX: not looking. */
    int64_t leading_ms;         /* The same of leading. */
    const char *failed;         /* Why we can't go on; the loop ends. */

    struct event wal_event, dump_event, timer_event;
    struct event term_event, int_event, hup_event;
    bool has_events;
    int64_t timer_ms; /* What timer_event is set to; INT64_MAX: not set. */

    /* One turn. */
    bool is_awake;    /* The clocks of this turn are set. */
    bool has_more;    /* The service could go on at once. */
    uint64_t packets; /* Of clients, received before this turn. */
    uint64_t turn_us;

    /* Stopping: clients are let go, then others may lead. */
    bool is_stopping, is_leaving;
    int64_t drain_ms; /* When patience with clients ends... */
    int64_t stop_ms;  /* ...and all patience. */

    int64_t reap_ms; /* When next. */
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
int driver_add_events(struct driver *d);

/* member.c: our side of struct ensemble_io, of the disk's and of the peers' callbacks. */
struct ensemble_io driver_io(struct driver *d);
struct disk_host driver_disk_host(struct driver *d);
struct ensemble_conf driver_ensemble_conf(const struct driver *d, uint64_t seed);
/* Sockets of an ensemble's server. 0 or a negative errno. */
int driver_make_peers(struct driver *d);
/* What the words show; ctx is the driver. */
void driver_show_ensemble(void *ctx, struct words_ensemble *ret);
void driver_forget_figures(void *ctx);

#endif
