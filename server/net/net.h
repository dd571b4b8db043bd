/* The client side of the network: one port, its connections, the four-letter words. All
 * on the loop thread, driven by libevent.
 *
 * A turn of the loop, as the driver runs it:
 *     event_base_loop()        callbacks; the first calls host.wake
 *     net_run()                connections that had to wait for their turn
 *     service_turn_end(), the log
 *     net_flush()              one send for each client with output
 * and it sleeps only when net_has_work() says no, at most until net_deadline(). */
#ifndef SERVER_NET_NET_H
#define SERVER_NET_NET_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/net/address.h"
#include "server/net/idle.h"
#include "server/net/ingress.h"
#include "server/net/ip_count.h"
#include "server/net/limits.h"
#include "server/net/senders.h"
#include "server/net/words.h"
#include "server/request/service.h"
#include "util/bytes.h"
#include "util/list.h"

struct conn;

struct net_conf {
    int32_t max_connections_ip; /* From one address; 0: no limit. */
    int32_t max_connections;    /* In all; 0: no limit. */
    int32_t fd_limit;           /* Descriptors that connections may use; 0: no limit. */
    int32_t backlog;            /* -1: the largest the system allows. */
    int32_t sessionless_ms;     /* A connection without a handshake ends after it. */
    int32_t slow_reader_ms;     /* Who takes nothing for so long is closed. */
    uint64_t ingress_max;       /* zabd.maxIngressBytes. */
    uint32_t frame_max;         /* jute.maxbuffer. */
    bool keepalive;             /* SO_KEEPALIVE. */
};

struct net_host {
    void *ctx;
    /* Called at the begin of each callback; the first of a turn sets the clocks. */
    void (*wake)(void *ctx);
};

struct net {
    struct net_conf conf;
    struct net_host host;
    struct event_base *base;
    struct service *service;

    /* Listening. */
    int listen_fd;  /* -1: not (any more). */
    int reserve_fd; /* Given up to accept and refuse when there is no other. */
    bool is_accepting;
    int64_t told_full_ms; /* When the log last heard of refused connections. */
    int64_t accept_at_ms; /* Pausing until then; INT64_MAX: not pausing. */
    struct event listen_event;
    struct ip_count *ips;
    uint32_t count; /* Connections with a descriptor. */

    /* Connections. */
    struct list all;
    struct list ready;     /* Have something to do and wait for their turn. */
    struct list greedy;    /* The same, after a slice of replies: behind the others. */
    struct list output;    /* Clients with much output, by client.dirty: behind the others. */
    struct list blocked;   /* Have output that the socket does not take, by progress. */
    struct list finishing; /* End when their output has left, by when that began. */
    struct list lingering; /* Wait for the other side to close, by when that began. */
    struct idle idle;
    struct ingress ingress;
    struct words words;
    struct senders senders;

    bool is_draining; /* Clients are let go. */
    bool is_stopping; /* Nothing is read any more. */
    int64_t drain_ms; /* When those go that have said nothing since. */

    /* One turn. */
    uint64_t turn;      /* Of the service: which one it is. */
    uint64_t turn_us;   /* When it began. */
    uint64_t output_us; /* When its sending began. */
    unsigned accepts;   /* In this turn. */
    uint8_t *shared;    /* NET_COPY_BYTES and NET_READ_BYTES. */
    struct bytes pool[NET_POOL_BUFFERS];
    unsigned pool_count;
    struct send_job jobs[NET_SENDS_AT_ONCE];
};

/* Sets up an empty net. words and service are not touched before the first connection. */
void net_init(struct net *n, const struct net_conf *conf, const struct net_host *host,
              struct event_base *base, struct service *service, uint64_t seed);
/* Closes all connections and the port. */
void net_done(struct net *n);

/* What the request floor calls: to be handed to service_init(). */
struct client_host net_client_host(void);

/* Binds without listening, so that nobody is let wait before we can serve. host: NULL for
 * all addresses of the machine. Returns the socket or a negative errno; -ENOENT: the name
 * means no address. A port of 0 is chosen by the system. */
int net_bind(const char *host, uint16_t port, const struct net_conf *conf);
/* Takes over the socket and begins to accept. 0 or negative errno. */
int net_listen(struct net *n, int fd);
/* Ends a pause of accepting that is over. */
void net_accept_again(struct net *n);
/* Closes the port; connections stay. */
void net_stop_listening(struct net *n);
/* The server is to stop: each turn lets those clients go that have nothing under way. They are read
 * from until net_stop_reading(): then what is under way still is answered. net_drain_turn() comes
 * before net_flush(); true: nobody is left. */
void net_drain(struct net *n);
bool net_drain_turn(struct net *n);
int64_t net_drain_deadline(const struct net *n); /* When it has something to do without input. */
/* Nothing more is read from anybody. */
void net_stop_reading(struct net *n);
/* "ADDRESS:PORT" that a socket is bound to, in Java's form. */
void net_local_name(char ret[ADDRESS_TEXT_MAX], int fd);

void net_run(struct net *n);
void net_flush(struct net *n);
bool net_has_work(const struct net *n);
/* Output that has not left yet, of connections that can still take it. */
bool net_has_output(const struct net *n);

/* Wakes the driver and notes when the turn began. Every callback calls it first. */
void net_wake(struct net *n);

/* Does what is due; call it when the deadline (ms, monotonic) has passed. */
void net_expire(struct net *n);
int64_t net_deadline(const struct net *n);

uint64_t net_now_us(void); /* Monotonic. */

#endif
