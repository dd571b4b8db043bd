/* A whole server without sockets, files or clock: frames in, frames out. What is
 * written is "durable" when the test says so. For unit tests and fuzzing. */
#ifndef TESTS_LIB_RIG_H
#define TESTS_LIB_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/records.h"
#include "server/request/service.h"

enum { RIG_CLIENTS_MAX = 8 };

struct rig_client {
    struct client client;
    bool is_open;
    bool finishing; /* host.finish() was called. */
    size_t seen;    /* Bytes of client.out that rig_next() has returned. */
};

struct rig {
    struct service service;
    struct rig_client clients[RIG_CLIENTS_MAX];
    bool hold_log; /* Nothing becomes durable while it is set. */
    struct wal_batch *held[64];
    size_t held_count;
    bool keep_log; /* Keep what was logged: each payload behind its length (4 bytes). */
    struct bytes log;
};

/* conf may be NULL. Digests are on. */
void rig_init(struct rig *r, const struct service_conf *conf);
void rig_done(struct rig *r);
struct service_conf rig_conf(void);

/* Opens connection `index`, from 127.0.0.1. */
void rig_open(struct rig *r, size_t index);
void rig_close(struct rig *r, size_t index);
/* Hands one frame over if the client may take one. False when the connection was closed for it. */
bool rig_frame(struct rig *r, size_t index, const void *frame, size_t len);
/* Ends the turn: orders, makes durable (unless held), answers. */
void rig_turn(struct rig *r);
/* Lets go of what was held: makes everything durable in order. */
void rig_release(struct rig *r);
/* Moves the clock on and expires. */
void rig_sleep(struct rig *r, int64_t ms);
/* Connects with a new session; the client is up afterwards. */
void rig_connect(struct rig *r, size_t index, int32_t timeout_ms);

/* The next whole frame in client.out without its length, or len 0 when there is none. Good
 * until more is written. */
struct jute_in rig_next(struct rig *r, size_t index);
/* Throws away what is in out. */
void rig_drain(struct rig *r, size_t index);

/* Plays a fuzzer's input: a byte that says what happens to whom, two bytes length, that many bytes;
 * and so on. What is longer than the rest is the rest. */
void rig_play(struct rig *r, const uint8_t *at, size_t len,
              void (*step)(struct rig *r, uint8_t what, const uint8_t *at, size_t len));

#endif
