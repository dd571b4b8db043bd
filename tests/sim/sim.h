/* The simulator: a whole ensemble in one thread, from a seed. Equal seeds give equal
 * runs, down to the last line of the trace.
 *
 *   core.c       time, chance, trace, the verdict
 *   disk.c       what survives: log, snapshots, epochs, configuration
 *   net.c        quorum port: byte streams         mesh.c  election port: notifications
 *   member.c       one server: service + ensemble on the fakes
 *   ledger.c     what was proposed and committed; the invariants of ZAB
 *   ledger_end.c what clients were told of it
 *   user.c       clients of the ensemble           watches.c  what they wait for
 *   work.c       what they ask for                 work_answers.c  and make of the answers
 *   tale.c       their histories, and whether these are linearizable
 *   faults.c     what goes wrong, and when
 *   run.c        one seed from begin to end */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"
#include "util/ids.h"
#include "util/rand.h"

enum {
    SIM_MEMBERS_MAX = 8, /* Servers; sid is index + 1. */
    SIM_USERS_MAX = 6,
    SIM_KEYS = 3, /* Registers that clients write: /r0, /r1, ... */
};

#define SIM_MS  INT64_C(1000) /* Simulated time is in microseconds. */
#define SIM_SEC INT64_C(1000000)

struct sim;
struct sim_event;
typedef void sim_fn(struct sim *s, const struct sim_event *ev);

struct sim_event {
    int64_t at_us;
    uint64_t seq; /* Of two at one time the older goes first. */
    sim_fn *fn;
    uint64_t a, b;
    void *p; /* Owned by who made the event; see sim_drop(). */
};

/* What a seed decides. */
struct sim_conf {
    size_t voters, observers, spares; /* Spares join by reconfiguration. */
    size_t users;
    int64_t tick_ms;
    int32_t init_limit, sync_limit;
    int64_t finalize_ms;   /* The silence that ends an election. */
    int64_t epoch_wait_ms; /* leader.maxTimeToWaitForEpoch; -1: off. */
    int64_t session_ms;
    bool linearizable_reads, zabd_hints, log_sync, force_snapshot, reconfig, observer_masters;
    uint32_t history_count; /* Small, so that DIFF is not all there is. */
    uint64_t feed_bytes_max;
    uint32_t zxid_counter_max; /* 0: the default. */
    uint32_t snap_count;       /* Txns between snapshots. */
    int64_t delay_max_us;      /* Of links. */
    int64_t fsync_max_us;
    int64_t storm_us;  /* How long things go wrong. */
    int64_t fault_us;  /* Mean time between two faults; 0: none at all. */
    uint32_t faults;   /* Bits: which kinds. */
    uint32_t io_crash; /* Of a million io calls so many end the process. */
};

struct sim_net;
struct mesh;
struct ledger;
struct member;
struct user;
struct tale;
struct faults;

struct sim {
    uint64_t seed;
    struct sim_conf conf;
    struct rand_state rand;
    int64_t now_us;
    uint64_t seq;
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    uint64_t steps, steps_max;
    bool tracing;
    uint64_t trace_hash; /* Of all lines, when tracing or hashing. */
    bool hashing;
    bool failed;
    char why[600];
    bool calm;       /* Nothing goes wrong any more. */
    bool is_settled; /* And everybody is where he wants to be. */

    struct member *members[SIM_MEMBERS_MAX];
    size_t member_count;
    struct sim_net *net;
    struct mesh *mesh;
    struct ledger *ledger;
    struct user *users[SIM_USERS_MAX];
    struct tale *tale;
    struct faults *faults_state;
    uint64_t talk_id;
    uint32_t next_value; /* What clients write is never written twice. */

    /* What was seen, to know that it was seen at all. */
    uint64_t seen[32];
};

/* Things that a good mix of seeds must all contain. */
enum sim_seen {
    SEEN_ELECTIONS,
    SEEN_ESTABLISHED,
    SEEN_COMMITS,
    SEEN_CRASHES,
    SEEN_IO_CRASHES,
    SEEN_POWER_LOSSES,
    SEEN_FSYNC_FAILURES,
    SEEN_CUTS,
    SEEN_STOPS,
    SEEN_STEP_DOWNS,
    SEEN_TRUNCATES,
    SEEN_SNAPS,
    SEEN_DIFFS,
    SEEN_LOG_READS,
    SEEN_SNAPSHOTS,
    SEEN_RECONFIGS,
    SEEN_WATCHES_FIRED,
    SEEN_WATCHES_RESET,
    SEEN_SESSIONS_MOVED,
    SEEN_SESSIONS_EXPIRED,
    SEEN_SYNC_READS,
    SEEN_ACKED_WRITES,
    SEEN_UNKNOWN_WRITES,
    SEEN_UNDECIDED, /* Histories that were too hard to judge. */
    SEEN_COUNT
};
const char *sim_seen_name(enum sim_seen what);

/* ---- core.c */

void sim_at(struct sim *s, int64_t delay_us, sim_fn *fn, uint64_t a, uint64_t b, void *p);
/* Runs what is due until that time, or until something failed. */
void sim_run_until(struct sim *s, int64_t until_us);
/* Forgets every event; `drop` is called for each that has a p. */
void sim_drop(struct sim *s, void (*drop)(void *p));

uint64_t sim_below(struct sim *s, uint64_t bound);
/* True so many times of a thousand. */
bool sim_chance(struct sim *s, uint32_t per_mille);
int64_t sim_between(struct sim *s, int64_t min, int64_t max);

bool sim_is_told(const struct sim *s); /* Whether anybody wants a trace. */
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim *s, const char *format, ...);
/* Something that must not be. The first one counts. */
__attribute__((format(printf, 2, 3))) void sim_fail(struct sim *s, const char *format, ...);

/* ---- run.c */

/* What a run is asked for. */
struct sim_wish {
    uint64_t seed;
    bool tracing, hashing;
    uint64_t steps_max; /* 0: no limit. */
};
struct sim_result {
    bool failed;
    char why[600];
    uint64_t trace_hash;
    uint64_t steps;
    uint64_t seen[SEEN_COUNT];
};
void sim_run(const struct sim_wish *wish, struct sim_result *ret);

#endif
