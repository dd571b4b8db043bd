/* Sessions and when they expire (client-protocol 5). A server that leads keeps all sessions of its
 * ensemble here, and tracks them: each has a place in the order of expiry. A learner keeps those
 * that clients of its own use, and tracks only the local ones among them.
 *
 * Deterministic: the time is an argument, in ms of a monotonic clock. */
#ifndef SERVER_SESSION_SESSION_H
#define SERVER_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/ids.h"
#include "util/list.h"

enum { SESSION_PASSWORD_LEN = 16 };

struct client; /* server/request/client.h; only the pointer is kept here. */

struct session {
    zk_session_id id;
    int32_t timeout_ms;
    bool closing;          /* A closeSession for it is under way: no more requests. */
    bool is_local;         /* Known to this server only: no txn made it (2.12). */
    bool is_upgrading;     /* Local still; a createSession for it is under way. */
    bool is_read_only;     /* Local, of a time when nobody led, and over when that is. */
    struct client *client; /* The connection that it uses now; NULL when detached. */
    uint64_t owner;        /* Leader: where its writes come from, a link of zab; 0: nobody yet. */
    struct list writes;    /* The request floor's: writes of it whose txns are to come. */
    uint64_t touch_number; /* Learner: the ensemble's, of its last place among the touched. */
    int64_t expires_ms;    /* End of its bucket; 0: it is in none. */
    struct list in_bucket;
    struct session *hash_next;
};

struct session_table;

/* tick_ms: the width of a bucket, but of those of very long timeouts, which are wider. Sessions of
 * one bucket expire together: never early, and at most one width late. */
struct session_table *session_table_new(int64_t tick_ms, uint64_t hash_seed);
struct session_table *session_table_free(struct session_table *t);

/* The id that the first new session gets (2.4); then they count up. From the wall clock,
 * where ZK takes the time since boot: ids must be new after a reboot too. */
zk_session_id session_first_id(zk_sid server, int64_t wall_ms);
/* Fills the password that belongs to an id: java.util.Random's bytes. */
void session_password(uint8_t ret[SESSION_PASSWORD_LEN], zk_session_id id);

struct session *session_find(const struct session_table *t, zk_session_id id);
/* Adds one, tracked from now with its whole timeout; or returns the one that is there. */
struct session *session_add(struct session_table *t, zk_session_id id, int32_t timeout_ms,
                            int64_t now_ms);
/* The same without tracking a new one. */
struct session *session_add_untracked(struct session_table *t, zk_session_id id,
                                      int32_t timeout_ms);
/* Nobody uses its `writes` any more. */
void session_remove(struct session_table *t, struct session *s);
/* Every one, in no order that depends on addresses; each() may remove the one it is given. */
void session_each(struct session_table *t, void (*each)(void *ctx, struct session *s), void *ctx);
/* It does not expire any more, until it is touched. */
void session_untrack(struct session_table *t, struct session *s);
/* Who leads tracks all that it knows of; any other is there only until it is known whether it
 * lives. */
bool session_is_tracked(const struct session *s);
/* Prolongs, or tracks it from now. Cheap when it stays in its bucket. */
void session_touch(struct session_table *t, struct session *s, int64_t now_ms);
uint64_t session_count(const struct session_table *t);

/* Takes out the next session that is due (now has reached the end of its bucket), or
 * NULL. It is not due again: the caller marks it closing and orders its end. */
struct session *session_next_expired(struct session_table *t, int64_t now_ms);
/* When the next bucket ends (ms), or INT64_MAX with no session: the only timer needed. */
int64_t session_next_deadline(const struct session_table *t);

/* For `dump`: each bucket in order of time that has such sessions, and these. */
enum session_kind { SESSIONS_ALL, SESSIONS_LOCAL, SESSIONS_GLOBAL };
void session_each_bucket(const struct session_table *t, enum session_kind kind,
                         void (*bucket)(void *ctx, int64_t expires_ms, size_t count),
                         void (*member)(void *ctx, const struct session *s), void *ctx);

#endif
