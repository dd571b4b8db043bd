/* What the files of the peers' ports share:
 *     peers.c           begin and end, members, timers
 *     peers_table.c     which peers and links there are
 *     peers_port.c      binding and accepting
 *     peers_election.c  who calls whom on the election port, and when
 *     peers_wire.c      one connection of it: initial message, frames
 *     peers_link.c      connections of the quorum port: their lives and input
 *     peers_output.c    what leaves on them
 *     peers_dial.c      outgoing calls
 *     resolver.c        names */
#ifndef SERVER_NET_PEERS_IMPL_H
#define SERVER_NET_PEERS_IMPL_H

#include <event2/event_struct.h>

#include "server/net/address.h"
#include "server/net/limits.h"
#include "server/net/peers.h"
#include "server/net/peers_dial.h"
#include "server/net/resolver.h"
#include "util/bytes.h"
#include "util/list.h"
#include "zab/packet.h"

enum { PEERS_LINK_BUCKETS = 256 };

/* One address of a member. */
struct place {
    char *host;
    uint16_t quorum_port, election_port;
};

struct places {
    struct place *at;
    size_t count;
};

/* Somebody on the election port: a member, or a stranger that we talk to. */
struct peer {
    struct list in_all;
    struct peers *peers;
    zk_sid sid;
    bool is_member;
    bool is_told; /* The host heard that it is reachable, and not yet that it is gone. */
    struct places places;
    struct wire *wire; /* NULL: not connected. */

    struct bytes last; /* The newest frame for it... */
    bool is_due;       /* ...which has not left on this connection. */

    /* Calling it. */
    struct dial *dial;
    bool is_wanted;    /* Somebody asked for it since it was last connected. */
    unsigned step;     /* Calls since a connection that lived. */
    int64_t dialed_ms; /* The last one. */
    int64_t retry_ms;  /* The next one; INT64_MAX: none. */
    int64_t until_ms;  /* No more retries after it. */
    int knock_fd;      /* Our knock, until it was heard; -1: none. */
    struct event knock_event;
};

/* A connection of the election port. */
struct wire {
    struct list in_guests;
    struct list in_dirty;
    struct peers *peers;
    struct peer *peer; /* NULL: it has not said who it is. */
    int fd;
    short interest;
    bool is_mute; /* Writing failed: what came before that is still read. */
    struct event event;
    struct address address;
    int64_t since_ms; /* When it came, or when it was known whose it is. */
    struct bytes in;
    struct bytes out; /* The frame that is leaving. */
    size_t sent;
};

struct chunk {
    struct chunk *next;
    size_t begin, end;
    uint8_t at[PEERS_CHUNK_BYTES];
};

/* A connection of the quorum port. */
struct link {
    struct list in_all;
    struct list in_bucket; /* By id; not once it is closed. */
    struct list in_silent; /* Incoming, no packet yet; in the order of since_ms. */
    struct list in_dirty;  /* Has output, or is to end. */
    struct list in_owing;  /* The host is owed host.room(). */
    struct list in_ending; /* Closed; in the order of since_ms. */
    struct peers *peers;
    zab_link id;
    bool is_incoming;
    bool is_known; /* The host has heard of it. */
    bool has_spoken;
    bool is_closed; /* By the host: only what is unsent is of interest. */
    bool is_shut;   /* ...and that has left. */
    bool is_mute;   /* Writing failed: what came before that is still read. */
    bool is_full;   /* Had link_low_bytes unsent, or more. */

    /* Until an outgoing one is up. */
    zk_sid leader;
    struct dial *dial;
    int tries;
    int64_t retry_ms; /* INT64_MAX: not waiting. */
    int64_t give_up_ms;

    int fd; /* -1: not yet. */
    short interest;
    struct event event;
    struct address address;
    int64_t since_ms;
    struct bytes in; /* What the host did not take. */
    struct chunk *head, *tail;
    size_t unsent;
};

struct listener {
    struct list in_all;
    struct peers *peers;
    enum peers_port which;
    char *host; /* NULL: all addresses. */
    uint16_t port;
    bool is_wanted; /* While the listeners are compared with the configuration. */
    bool is_asking;
    struct resolver_query query;
    int fd; /* -1: not bound. */
    bool is_accepting;
    struct event event;
    int tries;
    int64_t again_ms; /* To bind, or to accept again; INT64_MAX: no need. */
};

struct peers {
    struct peers_conf conf;
    struct peers_host host;
    struct event_base *base;
    struct event later; /* For what may not happen inside of a call. */
    struct resolver *resolver;
    uint8_t *shared; /* PEERS_READ_BYTES. */
    int64_t deadline_ms;
    bool has_leavers; /* Strangers may be left that nobody needs. */

    /* Ports. */
    struct places self;
    bool self_votes;
    bool is_listening;
    bool has_failed;
    char why[512]; /* ...for that reason. */
    struct list listeners;
    int reserve_fd; /* Given up to accept and refuse when there is no other. */

    struct list dials;

    /* Election. */
    struct list peers; /* In the order in which they came. */
    size_t strangers;
    struct list guests; /* By since_ms. */
    size_t guest_count;
    size_t wire_count; /* Those that belong to a peer. */
    struct list dirty_wires;

    /* Links. */
    struct list links;
    struct list buckets[PEERS_LINK_BUCKETS];
    struct list silent, ending, dirty, owing;
    size_t link_count, incoming_count, silent_count;
    uint64_t incoming_last;
    struct chunk *pool;
    unsigned pool_count;

    /* Lines about strangers. */
    int64_t tell_ms;
    unsigned told;
    char name[ADDRESS_TEXT_MAX];
};

/* peers.c */
void peers_wake(struct peers *p);
int64_t peers_now(struct peers *p);
void peers_deadline_at(struct peers *p, int64_t at_ms);
void peers_later(struct peers *p);    /* Goes round the loop once more. */
bool peers_may_tell(struct peers *p); /* Whether one more line about strangers is allowed. */
char *peers_text(const char *from, size_t len);
void places_done(struct places *p);
/* Unless it is there. */
void places_add(struct places *p, const char *host, size_t len, uint16_t quorum, uint16_t election);

/* peers_table.c */
struct peer *peer_find(const struct peers *p, zk_sid sid); /* NULL: unknown. */
struct peer *peer_new(struct peers *p, zk_sid sid);        /* A stranger. */
void peer_free(struct peer *e);
struct link *link_find(const struct peers *p, zab_link id); /* NULL: unknown, or closed. */
struct link *link_new(struct peers *p, zab_link id, bool is_incoming);
void link_free(struct link *l);
void link_not_silent(struct link *l);

/* peers_port.c */
void ports_update(struct peers *p);
void ports_expire(struct peers *p, int64_t now_ms);
void ports_done(struct peers *p);

/* peers_election.c */
void election_accept(struct peers *p, int fd, const struct sockaddr *from);
void election_expire(struct peers *p, int64_t now_ms);
void election_sweep(struct peers *p);
/* A connection has said who it is, in the first `taken` bytes of w->in. */
void election_met(struct wire *w, const struct zab_initial *hello, size_t taken);
void election_forget_knock(struct peer *e);
/* The connection of a peer has ended. */
void election_lost(struct peer *e, int64_t lived_ms, const char *why);

/* peers_wire.c */
struct wire *wire_new(struct peers *p, int fd, const struct sockaddr *from);
void wire_free(struct wire *w);
void wire_adopt(struct wire *w, struct peer *e); /* It is this peer's connection now. */
void wire_frames(struct wire *w);                /* Those that are in w->in. */
void wire_dirty(struct wire *w);
void wire_flush(struct wire *w);

/* peers_link.c */
/* is_masters: it came to the observerMasterPort. */
void link_accept(struct peers *p, int fd, const struct sockaddr *from, bool is_masters);
void link_wants(struct link *l);
void link_owing_run(struct peers *p);
void link_expire(struct peers *p, int64_t now_ms);

/* peers_output.c */
void link_put(struct link *l, const uint8_t *at, size_t len);
void link_forget_output(struct link *l);
void link_dirty(struct link *l);
void link_flush(struct link *l);
void chunks_done(struct peers *p);

#endif
