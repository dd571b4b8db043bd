/* One server: the real request floor, ensemble, state and sessions on fake files, links
 * and clocks. What happens to it waits in its inbox until its loop turns. */
#ifndef TESTS_SIM_MEMBER_H
#define TESTS_SIM_MEMBER_H

#include "server/ensemble/ensemble.h"
#include "server/request/service.h"
#include "tests/sim/disk.h"
#include "tests/sim/sim.h"

enum inbox_kind {
    IN_LINK_UP,   /* .link */
    IN_LINK_DOWN, /* .link */
    IN_BYTES,     /* .link has something to read. */
    IN_ROOM,      /* .link can take more. */
    IN_NOTIFIED,  /* .peer, .data */
    IN_REACHABLE, /* .peer */
    IN_UNREACHABLE,
    IN_LOGGED,   /* .zxid */
    IN_SNAPSHOT, /* The one that the ensemble asked for is durable. */
    IN_FRAME,    /* .link is the conversation; it has frames. */
    IN_CLIENT_GONE,
    IN_STEP_DOWN,
    IN_NOTHING, /* It was dealt with. */
};

struct inbox_item {
    enum inbox_kind kind;
    uint64_t link;
    zk_sid peer;
    zk_zxid zxid;
    struct bytes data;
};

/* One client's connection to one server. */
struct talk {
    uint64_t id;
    size_t user, member;
    uint32_t life;        /* Of the member. */
    bool is_open;         /* The server has it: `client` is alive. */
    bool is_finishing;    /* Closes when what it has to say is said. */
    bool is_closed;       /* For the user. */
    struct client client; /* The server's end. */
    struct bytes *frames; /* Sent by the user, not taken by the server. */
    size_t frame_count;
    int64_t up_us, down_us; /* When the last thing arrives, each way: order is kept. */
    struct talk *next;
};

/* A snapshot under way. */
struct member_dump {
    bool is_active, has_image, is_asked; /* By the ensemble: behind a SNAP. */
    uint64_t serial;
    zk_zxid zxid, tail;
    struct bytes image;
    size_t drop_log;
};

struct member {
    struct sim *sim;
    size_t index;
    zk_sid sid;
    bool is_up;       /* Its process runs. */
    bool is_host_up;  /* Its machine has power: a kernel answers. */
    bool is_starting; /* Its first turn is to come. */
    bool is_dead;     /* Died within this turn: nothing it does has an effect any more. */
    bool loses_power;
    uint32_t life;
    int64_t stopped_us; /* Until then its loop does not turn. */
    const char *death;

    struct disk disk;
    struct service service;
    struct ensemble *ensemble; /* The service's. */
    zab_link next_link;

    /* Clocks: rate in millionths, offset. */
    int64_t rate, mono_us, wall_ms;

    struct inbox_item *inbox;
    size_t inbox_count, inbox_cap;
    bool has_turn;    /* One is on its way. */
    int64_t timer_us; /* The next deadline that an event stands for. */
    struct talk *talks;

    /* The log thread. */
    bool is_syncing;
    size_t syncing; /* Entries that the fsync under way will have made durable. */
    uint64_t sync_serial;
    bool next_sync_fails;
    int64_t slow_sync_us; /* Each fsync takes so much longer, until... */
    int64_t slow_until_us;

    struct member_dump dump;
    uint64_t txns_since_snapshot;
    bool is_stepping_down;

    /* What was seen of it, for the ledger. */
    enum zab_role role;
    enum zab_phase phase;
    bool is_fuzzy; /* Its state may have traces of later txns: it came from a leader. */
    uint64_t mismatches;
    int64_t led_epoch; /* Last one it established; -1: none in this life. */
};

struct member *member_new(struct sim *s, size_t index);
struct member *member_of_service(struct service *service);
struct member *member_free(struct member *n);
/* A process begins; an empty disk gets what a first start writes. */
void member_start(struct member *n);
/* Its process ends at once. power: what was not fsynced may be lost, and no kernel says goodbye. */
void member_kill(struct member *n, bool power, const char *why);
void member_stop_for(struct member *n, int64_t us);

/* Takes over item->data. */
void member_push(struct member *n, const struct inbox_item *item);
bool member_leads(const struct member *n); /* In broadcast. */

/* Clocks of a member at this time. */
int64_t member_now_ms(const struct member *n);
int64_t member_wall_ms(const struct member *n);

/* io.c: what the ensemble may call. */
extern const struct ensemble_io member_io;
void member_sync_some(struct member *n);
void member_dump_begin(struct member *n, bool is_asked);
void member_dump_abandon(struct member *n);
struct tree_conf member_tree_conf(void);

/* talks.c: the clients of one member. */
struct talk *talk_open(struct sim *s, size_t user, size_t member);
void talk_say(struct sim *s, struct talk *t, struct bytes *frame); /* Takes it over. */
void talk_hang_up(struct sim *s, struct talk *t);                  /* The user's side. */
struct talk *talk_find(struct sim *s, size_t member, uint64_t id);
void talks_feed(struct member *n, uint64_t id);
void talks_flush(struct member *n);
void talks_gone(struct member *n, uint64_t id); /* The user hung up. */
void talks_died(struct member *n);              /* With the process. */
void talks_forget(struct member *n);            /* At the very end. */
void talks_drop(void *p);                       /* An event's p. */
extern const struct client_host member_client_host;

#endif
