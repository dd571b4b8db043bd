/* Several servers' peer ports in one process, on real sockets of the loopback, with a clock that
 * only the test moves; and the other end of a connection, byte by byte. */
#ifndef TESTS_LIB_PEERS_RIG_H
#define TESTS_LIB_PEERS_RIG_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/net/peers.h"
#include "util/bytes.h"

enum { RIG_SERVERS = 8, RIG_SIDS = 8, RIG_ADDRESSES = 4 };

/* One server: a host that notes what it is told. */
struct rig_server {
    struct peers_rig *rig;
    struct peers *peers; /* NULL: not running. */
    struct peers_conf conf;
    uint16_t quorum, election; /* Its own ports, as it is told them; 0: any. */

    unsigned notified; /* Notifications in all; the last one: */
    zk_sid from;
    struct bytes body;
    char heard[RIG_SIDS][16]; /* The begin of the last one, by sid. */
    int reachable[RIG_SIDS];  /* By sid: -1 told that it is gone, 1 reachable, 0 nothing. */
    unsigned told;            /* host.reachable() in all. */

    unsigned ups, downs, rooms;
    zab_link up, down, link; /* The last ones; link: that sent something. */
    struct bytes got;        /* All that was taken from links. */
    size_t offered;          /* The last time. */
    uint64_t got_bytes;
    uint32_t sum; /* Of them, when is_counting: then they are not kept. */
    bool is_counting;
    size_t take_max;    /* Of what is offered; SIZE_MAX: all. */
    size_t packet;      /* Not 0: only whole packets of so many bytes are taken. */
    bool is_refusing;   /* received() fails. */
    bool is_closing;    /* received() closes the link. */
    bool is_echoing;    /* received() sends it back. */
    zab_link feeding;   /* room() sends feed_bytes more... */
    uint64_t feed_left; /* ...of so many. */
    char failed[600];
};

struct peers_rig {
    struct event_base *base;
    int64_t now_ms;
    unsigned wakes;
    struct rig_server servers[RIG_SERVERS];
};

void peers_rig_init(struct peers_rig *r);
void peers_rig_done(struct peers_rig *r);

/* A server with this sid, not listening. Which one: its place in rig.servers. */
struct rig_server *rig_start(struct peers_rig *r, zk_sid sid);
struct rig_server *rig_start_with(struct peers_rig *r, const struct peers_conf *conf);
struct peers_conf rig_conf(zk_sid sid);
void rig_stop(struct rig_server *s);

/* A configuration from "sid=host:quorum:election", with '|' between addresses. */
struct zab_config *rig_config(const char *const *members, size_t count);
void rig_config_free(struct zab_config *c);
/* Tells a server of members, and forgets them. */
void rig_members(struct rig_server *s, const char *const *members, size_t count);
/* Starts, tells of itself at 127.0.0.1 and free ports, and listens. */
struct rig_server *rig_listen(struct peers_rig *r, zk_sid sid);
/* Ends and begins anew on the same ports, all that was noted forgotten. */
struct rig_server *rig_restart(struct rig_server *s);
/* Tells each of all (of the running ones), with the ports that they have. */
void rig_introduce(struct peers_rig *r);

/* One turn; many turns, until all that can happen now has happened. */
void rig_turn(struct peers_rig *r);
void rig_settle(struct peers_rig *r);
/* Moves the clock, with turns in between. */
void rig_pass(struct peers_rig *r, int64_t ms);
/* For what other threads do: waits a moment. False: it has taken too long. */
bool rig_wait(struct peers_rig *r, int64_t *began_ms);

#define rig_until(rig, condition)                   \
    do {                                            \
        int64_t rig_began = 0;                      \
        while (!(condition))                        \
            ck_assert(rig_wait((rig), &rig_began)); \
    } while (0)

void rig_notify(struct rig_server *s, zk_sid to, const char *text);

/* ---- The other end: sockets that don't block. */
int raw_listen(uint16_t *ret_port);
int raw_accept(struct peers_rig *r, int fd); /* -1: nobody came. */
int raw_dial(uint16_t port);
void raw_send(int fd, const void *at, size_t len);
/* What has come, up to cap bytes. 0: the end, -1: nothing, or an error. */
long raw_recv(int fd, void *at, size_t cap);
bool raw_is_closed(struct peers_rig *r, int fd); /* Ended or reset, whatever came before. */
/* Appends the initial message. form 0: of old, 1, 2. */
void raw_hello(struct bytes *out, int form, zk_sid sid, const char *addresses);
void raw_frame(struct bytes *out, const char *body);

#endif
