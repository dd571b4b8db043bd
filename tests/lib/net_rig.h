/* The net floor over a service in memory: real sockets (pairs, or the port of a listener),
 * libevent, a clock that the test moves. What is written is durable at once. */
#ifndef TESTS_LIB_NET_RIG_H
#define TESTS_LIB_NET_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "server/net/conn.h"
#include "server/net/net.h"

struct net_rig {
    struct event_base *base;
    struct service service;
    struct net net;
    int64_t now_ms;
    bool is_awake;
    bool had_events; /* In the last turn. */
    bool hold_log;   /* Nothing becomes durable while it is set. */
    bool is_drained; /* What net_drain_turn() said. */
    zk_zxid logged;  /* What is durable. */
};

/* What a test may want to be different. */
struct net_conf net_rig_conf(void);
struct service_conf net_rig_service_conf(void);
struct words_conf net_rig_words_conf(void);

/* NULL: the defaults. */
void net_rig_init(struct net_rig *r, const struct net_conf *net, const struct service_conf *service,
                  const struct words_conf *words);
void net_rig_done(struct net_rig *r);

/* A connection "from" 127.0.0.1:port. Returns the client's end, which does not block. */
int net_rig_open(struct net_rig *r, uint16_t port);
/* The newest connection. */
struct conn *net_rig_newest(struct net_rig *r);

/* Turns until nothing is left to do at once. */
void net_rig_run(struct net_rig *r);
/* One turn. */
void net_rig_turn(struct net_rig *r);
/* Moves the clock on in steps, and does what comes due. */
void net_rig_sleep(struct net_rig *r, int64_t ms);

/* Client side. Sends all or fails the test. */
void net_rig_send(int fd, const void *at, size_t len);
/* Reads what is there, up to size; -1: the connection was reset; 0: it was closed, -2:
 * nothing is there. */
ssize_t net_rig_recv(int fd, void *ret, size_t size);
/* Reads until the other side closes, turning the rig; the text is NUL-terminated. */
size_t net_rig_read_all(struct net_rig *r, int fd, char *ret, size_t size);
/* Sends a ConnectRequest and expects a session. Returns its id. */
int64_t net_rig_handshake(struct net_rig *r, int fd, int32_t timeout_ms);
/* A request without a record, in 12 bytes. */
void net_rig_put_header(uint8_t ret[12], int32_t xid, int32_t op);

#endif
