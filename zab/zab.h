/* The ZAB core: election, discovery, synchronisation, broadcast.
 *
 * A pure state machine: no socket, file, thread, clock or log line of its own. The
 * driver turns the outside world into events and carries out, in order, the actions
 * that zab_step() hands back. Equal events give equal actions.
 *
 * Durability: the core asks for a write with one action and waits for the event that
 * says it is on stable storage before it emits what depends on it. A driver that only
 * obeys can therefore not acknowledge too early.
 *
 * A server of one is an ensemble of one: its quorum is itself. It takes the same road,
 * and in accordance with ZK it keeps the epoch that it finds on disk. */
#ifndef ZAB_ZAB_H
#define ZAB_ZAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/ids.h"

struct zab; /* Opaque. */

enum zab_role { ZAB_LOOKING, ZAB_LEADING };

struct zab_conf {
    zk_sid self;
    size_t voters;          /* Servers that count in the quorum. */
    uint32_t proposals_max; /* Open proposals; beyond it zab_can_submit() is false. */
};

/* What the disk says at start. */
struct zab_saved {
    zk_zxid logged; /* Last txn in the log, all durable; 0 for none. */
};

struct zab_event {
    enum {
        ZAB_EV_START,  /* The driver is ready to carry out actions. */
        ZAB_EV_SUBMIT, /* Leader only: txns from zab_next_zxid() to .zxid are prepared. */
        ZAB_EV_LOGGED, /* Every txn up to .zxid is on stable storage. */
    } kind;
    zk_zxid zxid;
};

struct zab_action {
    enum {
        ZAB_DO_BECOME, /* The role is now .role. */
        ZAB_DO_APPEND, /* Log the txns submitted up to .zxid, then feed ZAB_EV_LOGGED. */
        ZAB_DO_COMMIT, /* Apply every txn up to and including .zxid. */
    } kind;
    enum zab_role role;
    zk_zxid zxid;
};

struct zab_actions {
    const struct zab_action *at; /* The core's own, good until the next step. */
    size_t count;
};

/* 0, -EINVAL on a configuration that cannot be, or -ENOMEM. All memory the core will
 * ever hold is taken here, so zab_step() has no way to fail. */
int zab_new(struct zab **ret, const struct zab_conf *conf, const struct zab_saved *saved);
struct zab *zab_free(struct zab *z); /* NULL is fine; returns NULL. */

struct zab_actions zab_step(struct zab *z, const struct zab_event *ev);

/* Whether ZAB_EV_SUBMIT is allowed now: we lead, and there is room. When it is false
 * the server does not queue more, it stops reading from clients. */
bool zab_can_submit(const struct zab *z);
/* The id that the next submitted txn gets. Those of one batch count up from it. */
zk_zxid zab_next_zxid(const struct zab *z);
zk_zxid zab_committed(const struct zab *z);
enum zab_role zab_role(const struct zab *z);

#endif
