/* The peers' side of the network: the election port and the quorum port, as ZooKeeper's servers
 * speak on them (quorum-protocol 2.1 to 2.3, 3.1). Carries out the peer half of struct
 * ensemble_io, and tells what comes in. All on the loop thread, driven by libevent; names that
 * are no literal addresses are looked up on threads of their own.
 *
 * Nothing here blocks. Nothing that a peer sends does more than end its own connection.
 *
 * A turn of the loop, as the driver runs it:
 *     event_base_loop()                     callbacks; each calls host.wake first
 *     peers_expire(), if peers_deadline()   what is due
 *     peers_flush()                         what was queued leaves
 * The functions below never call the host, but for peers_expire(). */
#ifndef SERVER_NET_PEERS_H
#define SERVER_NET_PEERS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/ids.h"
#include "zab/config.h"
#include "zab/zab.h"

struct peers;
struct resolved;

struct peers_conf {
    zk_sid self;
    int32_t connect_ms;      /* cnxTimeout: until a peer's election port has taken our call. */
    int32_t initial_ms;      /* quorumCnxnTimeoutMs: until a caller has said who it is. */
    int32_t link_connect_ms; /* Until a leader's quorum port has taken our call, all tries. */
    int32_t link_unheard_ms; /* What a link takes without a word from the other kernel. */
    int32_t link_pause_ms;   /* leaderConnectDelayDuringRetryMs: between two tries, at most. */
    int32_t first_packet_ms; /* Until an incoming link has sent its first packet. */
    int32_t bind_tries;      /* electionPortBindRetry, 1 s apart; 0: for ever. */
    uint16_t
        master_port;    /* observerMasterPort: ours if we vote, and that of all who do; 0: none. */
    uint32_t frame_max; /* jute.maxbuffer + extra: of a packet's data. */
    size_t link_low_bytes;  /* Unsent bytes below which there is room again. */
    size_t link_unsent_max; /* A link with more than so many unsent bytes is given up. */
    bool keepalive;         /* tcpKeepAlive: of election sockets that are idle. */
    bool multi_address;     /* multiAddress.enabled: we say all our addresses. */
    bool listen_on_all;     /* quorumListenOnAllIPs. */
    /* How a name is looked up, on a thread of its own. NULL: as the system does. */
    void (*lookup)(struct resolved *ret, const char *host);
};

/* The sizes and times that ZooKeeper has, for tick_ms, initLimit and syncLimit. */
struct peers_conf peers_conf_default(zk_sid self, int32_t tick_ms, int32_t init_limit,
                                     int32_t sync_limit);

struct peers_host {
    void *ctx;
    /* Called at the begin of each callback; the first of a turn sets the clocks. */
    void (*wake)(void *ctx);
    int64_t (*now_ms)(void *ctx); /* Monotonic; that of the turn will do. */
    /* As the functions of the same names in server/ensemble/ensemble.h. They may call any of the
     * functions below, but for peers_expire(), peers_flush() and peers_free(). */
    void (*notified)(void *ctx, zk_sid from, const uint8_t *body, size_t len);
    void (*reachable)(void *ctx, zk_sid peer, bool is_reachable);
    void (*link_up)(void *ctx, zab_link link);
    void (*link_down)(void *ctx, zab_link link);
    int64_t (*received)(void *ctx, zab_link link, const uint8_t *at, size_t len);
    void (*room)(void *ctx, zab_link link);
    /* We can't listen where we have to: the process is to end. why: one line, the peers' own. */
    void (*failed)(void *ctx, const char *why);
};

/* 0, or a negative errno: no descriptors. */
int peers_new(struct peers **ret, const struct peers_conf *conf, const struct peers_host *host,
              struct event_base *base);
struct peers *peers_free(struct peers *p); /* Closes everything. NULL is fine; returns NULL. */

/* ---- Listening. */

/* Begins to listen on both ports of every address that the configuration has for us, whatever
 * it is: to be called after peers_members(). What can't be bound at once is tried again; when
 * that is given up, host.failed(). */
void peers_listen(struct peers *p);
enum peers_port { PEERS_ELECTION, PEERS_QUORUM, PEERS_MASTER };
/* The port that the first address is bound to, or 0: none. */
uint16_t peers_port(const struct peers *p, enum peers_port which);
bool peers_is_listening(const struct peers *p); /* Every address is bound. */

/* ---- The peer half of struct ensemble_io. */

/* Who may be called, and where: the members of both. last_seen may be NULL or equal. */
void peers_members(struct peers *p, const struct zab_config *cur,
                   const struct zab_config *last_seen);
/* Election port. A whole frame, length first; one that has not left yet is replaced. */
void peers_notify(struct peers *p, zk_sid to, const uint8_t *frame, size_t len);
void peers_call(struct peers *p, zk_sid to);
/* Quorum port. A link that isn't known (any more) is passed over. The name of an outgoing one has
 * ZAB_LINK_OURS set; incoming ones get theirs here, without it. Those of an observerMasterPort have
 * ZAB_LINK_MASTER set, both of them. */
void peers_connect(struct peers *p, zab_link link, zk_sid leader);
void peers_send(struct peers *p, zab_link link, const uint8_t *at, size_t len);
size_t peers_unsent(const struct peers *p, zab_link link);
/* What was sent before still leaves, if the other side takes it soon. host.link_down() does not
 * come. why: for the log. */
void peers_close(struct peers *p, zab_link link, const char *why);
/* "ADDRESS:PORT" of the other end, "" when it is not known. Good until the next call. */
const char *peers_link_name(struct peers *p, zab_link link);

/* ---- Turns. */

void peers_flush(struct peers *p);
/* The same of links alone; callbacks may call it. For what others can work on while we wait for our
 * disk. */
void peers_flush_links(struct peers *p);
bool peers_has_output(const struct peers *p); /* Of links, closed ones too: not all has left. */
int64_t peers_deadline(const struct peers *p);
void peers_expire(struct peers *p);

/* For the words, and for tests. */
struct peers_view {
    size_t calls;  /* Election connections that are up. */
    size_t guests; /* Incoming ones that have not said who they are. */
    size_t strangers;
    size_t links; /* With those that are ending. */
};
void peers_view(const struct peers *p, struct peers_view *ret);

#endif
