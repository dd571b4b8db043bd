/* Where a scenario plays: some cores, each with a disk that keeps zxids, and the links between
 * them. All of it is instant, in the order in which it was caused, unless the scenario says
 * otherwise. */
#ifndef TESTS_SIM_SCENARIO_STAGE_H
#define TESTS_SIM_SCENARIO_STAGE_H

#include "util/bytes.h"
#include "zab/zab.h"

enum {
    STAGE_SERVERS = 9,
    STAGE_LINKS = 1024,
    STAGE_LOG = 4096,
    STAGE_EPOCHS = 1024,
    STAGE_CONFIGS = 16
};

struct stage_log {
    zk_zxid at[STAGE_LOG];
    size_t count;
};

/* A learner's place at its leader. */
struct stage_feed {
    bool is_on, is_observer;
    zk_zxid proposed, committed;
};

struct stage_server {
    zk_sid sid;
    bool is_up, is_java;
    struct zab *z;
    /* Durable. */
    struct stage_log log; /* All txns up to `durable`, and those on their way there. */
    size_t durable;
    int64_t accepted, current;
    struct zab_config *cur, *seen;
    /* In memory. */
    struct stage_log held;
    struct stage_log loaded; /* What SNAP brought, until it is stored. */
    zk_zxid applied;
    bool is_slow;           /* Nothing becomes durable until it is flushed. */
    bool is_snapshot_asked; /* The same of ZAB_DO_SAVE_SNAPSHOT. */
};

struct stage_link {
    zab_link name[2]; /* At the one who called, and at the other; the same twice. */
    int end[2];       /* Indexes of servers. */
    bool is_open[2];
    struct stage_feed feed; /* Of end[1], which leads. */
};

struct stage {
    struct stage_server servers[STAGE_SERVERS];
    int count;
    int64_t now_ms;
    struct stage_link links[STAGE_LINKS];
    int link_count;
    zab_link next_link;
    bool is_cut[STAGE_SERVERS][STAGE_SERVERS];   /* Connections end, none can be made. */
    bool is_muted[STAGE_SERVERS][STAGE_SERVERS]; /* What is sent, one way, waits. */
    struct stage_post *first, *last;             /* What is under way. */
    struct stage_log decided;                    /* By whomever. */
    int64_t led[STAGE_EPOCHS];                   /* Epochs that somebody led. */
    size_t led_count;
    struct zab_config *configs[STAGE_CONFIGS]; /* That some txn carries: the one of its version. */
    zk_sid designated[STAGE_CONFIGS];
    size_t config_count;
    struct zab_conf conf;
    size_t history; /* Committed txns that a leader keeps in memory. */
    bool is_quiet, shows_votes, shows_pings;
    struct bytes out;
};

void stage_init(struct stage *s);
void stage_done(struct stage *s);
void stage_add(struct stage *s, bool is_voter, bool is_java);
/* All are added: they get their configuration, but don't start yet. */
void stage_configure(struct stage *s, zk_zxid version);
void stage_start(struct stage *s, int who);
void stage_crash(struct stage *s, int who);
void stage_step(struct stage *s, int who, struct zab_event ev);
void stage_submit(struct stage *s, int who, int count);
/* A comma list of members, and one of sids; either may be empty. */
void stage_reconfig(struct stage *s, int who, const char *joining, const char *leaving);
/* One more server, which knows the present members and itself. */
void stage_join(struct stage *s, bool is_voter);
void stage_flush(struct stage *s, int who);
void stage_cut(struct stage *s, int a, int b);
void stage_heal(struct stage *s, int a, int b);
/* What is under way arrives; no time passes. */
void stage_settle(struct stage *s);
void stage_run(struct stage *s, int64_t ms);
/* Until somebody leads and all that are connected to it are served. False: not within a minute. */
bool stage_run_until_leader(struct stage *s);
int stage_leader(const struct stage *s);           /* Of the highest epoch, or -1. */
int stage_find(const struct stage *s, zk_sid sid); /* Or -1. */
void stage_check(const struct stage *s);           /* What must be true after each step. */

#endif
