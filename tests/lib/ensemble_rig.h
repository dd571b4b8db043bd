/* Whole ensembles in one process: no sockets, no files, no clock. Servers are struct ensemble with
 * a disk of memory each; links are queues of bytes. A server may also be played by the test, byte
 * by byte. For unit tests and fuzzing. */
#ifndef TESTS_LIB_ENSEMBLE_RIG_H
#define TESTS_LIB_ENSEMBLE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ensemble/ensemble.h"
#include "util/bytes.h"

enum { RIG_SERVERS_MAX = 5, RIG_LINKS_MAX = 256, RIG_NOTES_MAX = 512 };

/* A txn in a log. */
struct rig_entry {
    zk_zxid zxid;
    uint8_t *at;
    size_t len;
};

struct rig_disk {
    struct rig_entry *log;
    size_t count, cap, durable;
    struct bytes snapshot; /* As a stream; len 0: none. */
    zk_zxid snapshot_zxid;
    int64_t accepted, current;
    struct zab_config *config, *last_seen;
};

struct ensemble_rig;

struct rig_server {
    uint64_t sent; /* Bytes, on links. */
    struct ensemble_rig *rig;
    zk_sid sid;
    struct ensemble *ensemble; /* NULL: played by the test, or down. */
    bool is_played;
    bool hold_log; /* Nothing becomes durable. */
    bool no_log_sync;
    struct state state;
    struct session_table *sessions;
    struct watch_table *watches;
    struct rig_disk disk;
    bool saves_snapshot; /* It is asked for, and not done. */
    /* What the host was told. */
    int serves, pauses, stops;
    bool state_was_new;
    zk_zxid applied;
    uint64_t applied_count;
    void *origin; /* Of the last one applied. */
    int32_t applied_type;
    zk_session_id revalidated;
    bool was_valid;
    uint64_t synced;
    bool was_refused;
    char log[4096]; /* Lines. */
    /* What peers_… would have been told. */
    zab_link called; /* The last io->connect. */
};

struct rig_link {
    int from, to; /* Indexes of servers. */
    zab_link from_name, to_name;
    struct bytes out, back; /* from → to, and to → from. */
    bool is_up, is_closing, is_gone;
    bool is_cut; /* Nothing gets through, nobody is told. */
};

struct rig_note {
    int from, to;
    struct bytes body;
};

struct ensemble_rig {
    struct rig_server servers[RIG_SERVERS_MAX];
    int count;
    struct rig_link links[RIG_LINKS_MAX];
    int link_count;
    struct rig_note notes[RIG_NOTES_MAX];
    int note_count;
    int64_t now_ms;
    uint64_t incoming; /* Names given. */
    size_t unsent;     /* What io->unsent says of each link, beside what is queued. */
    struct ensemble_conf conf;
};

/* `count` servers with sids from 1; those in the mask `played` are the test's, `observers` don't
 * vote. Nothing is started. */
void ensemble_rig_init(struct ensemble_rig *r, int count, unsigned played, unsigned observers);
void ensemble_rig_done(struct ensemble_rig *r);
/* The same with memory of its own. ensemble_rig_free() returns NULL. */
struct ensemble_rig *ensemble_rig_new(int count, unsigned played, unsigned observers);
struct ensemble_rig *ensemble_rig_free(struct ensemble_rig *r);
/* Changes of r->conf before this one count. */
void ensemble_rig_start(struct ensemble_rig *r, int index);
/* All that are not played; and gives them a second to find a leader. */
void ensemble_rig_start_all(struct ensemble_rig *r);
/* A new one, of none but real servers, in which all were started. */
struct ensemble_rig *ensemble_rig_running(int count, unsigned observers);
/* The process is gone: memory and what was not durable. The others see it. */
void ensemble_rig_kill(struct ensemble_rig *r, int index);
/* One turn of every server: what is queued is delivered, logs become durable. True: something
 * happened. */
bool ensemble_rig_turn(struct ensemble_rig *r);
/* Until nothing happens. */
void ensemble_rig_settle(struct ensemble_rig *r);
/* Moves the clock, timer by timer. */
void ensemble_rig_sleep(struct ensemble_rig *r, int64_t ms);
/* Whoever serves as leader; -1: nobody. */
int ensemble_rig_leader(const struct ensemble_rig *r);
/* All that run have the same zxid, tree and sessions. */
bool ensemble_rig_is_alike(const struct ensemble_rig *r);
/* A server that is down loses all txns and its snapshot; epochs and membership stay. */
void ensemble_rig_wipe(struct ensemble_rig *r, int index);

/* ---- Played servers. */
/* Votes: a LOOKING notification of `from` for (leader, zxid, epoch) in round 1. */
void ensemble_rig_vote(struct ensemble_rig *r, int from, int to, int32_t state, zk_sid leader,
                       zk_zxid zxid, int64_t round, int64_t epoch);
/* A link from a played server. */
struct rig_link *ensemble_rig_dial(struct ensemble_rig *r, int from, int to);
/* The link that the real server `from` made last; NULL: none. */
struct rig_link *ensemble_rig_dialled(struct ensemble_rig *r, int from);
/* Bytes to the real end, given in hex; blanks don't count. They arrive at once. */
void ensemble_rig_say(struct ensemble_rig *r, struct rig_link *l, const char *hex);
void ensemble_rig_say_packet(struct ensemble_rig *r, struct rig_link *l,
                             const struct zab_packet *p);
/* NEWLEADER, with the membership that the real end has on its disk. */
void ensemble_rig_say_newleader(struct ensemble_rig *r, struct rig_link *l, zk_zxid zxid);
/* What the real end sent, in hex; it is forgotten by that. Good until the next call. */
const char *ensemble_rig_heard(struct ensemble_rig *r, struct rig_link *l);
/* Takes one packet of it; false: there is none. Borrowed until the next call on that link. */
bool ensemble_rig_hear(struct rig_link *l, struct zab_packet *ret);

/* ---- Requests. */
/* A create of /NAME by the session; 0: the server itself. Returns what ensemble_submit() did. */
enum order_verdict ensemble_rig_create(struct ensemble_rig *r, int index, zk_session_id session,
                                       int32_t xid, const char *path, void *origin);
bool ensemble_rig_has(const struct ensemble_rig *r, int index, const char *path);
/* Opens a session at a server that serves, and waits for it. */
zk_session_id ensemble_rig_session(struct ensemble_rig *r, int index);

#endif
