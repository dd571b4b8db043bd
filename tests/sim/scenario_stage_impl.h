/* What the parts of the stage share. Only scenario_stage*.c look in here.
 *
 *   scenario_stage.c    its servers: they come, are asked for something, and go
 *   ..._links.c         links, and what is under way on them
 *   ..._feed.c          what a leader sends to its learners
 *   ..._actions.c       carries out what the cores ask for; the disk
 *   ..._time.c          what is under way arrives, and time passes */
#ifndef TESTS_SIM_SCENARIO_STAGE_IMPL_H
#define TESTS_SIM_SCENARIO_STAGE_IMPL_H

#include "tests/sim/scenario_stage.h"

/* ---- Links and what is under way on them. */

struct stage_post {
    struct stage_post *next;
    int from, to;
    zab_link link; /* 0: a notification. */
    enum { POST_NOTIFICATION, POST_LINK_UP, POST_LINK_DOWN, POST_PACKET } kind;
    struct zab_notification notification;
    struct zab_packet packet;
    struct bytes bytes;        /* Of either. */
    struct stage_log *history; /* Behind SNAP. */
};

/* One more, behind all others. */
struct stage_post *stage_post_new(struct stage *s, int from, int to);
void stage_post_free(struct stage_post *p);
/* A copy that lives as long as p. */
struct jute_bytes stage_post_keep(struct stage_post *p, struct jute_bytes from);

/* The newest link that has this name at server `who`, which is its end *ret_side; or NULL. */
struct stage_link *stage_find_link(struct stage *s, int who, zab_link name, int *ret_side);
void stage_connect(struct stage *s, int from, const struct zab_action *a);
/* The other end hears of it behind what was sent. */
void stage_close_link(struct stage *s, struct stage_link *l, int side);
/* From end `side` to the other. NULL: nothing gets through. */
struct stage_post *stage_send_packet(struct stage *s, struct stage_link *l, int side,
                                     const struct zab_packet *packet);
/* The same of a packet without data. */
struct stage_post *stage_send_bare(struct stage *s, struct stage_link *l, int side, int32_t type,
                                   zk_zxid zxid);

/* ---- What a leader sends to its learners. */

/* Carries out ZAB_DO_FEED. */
void stage_feed_begin(struct stage *s, int who, const struct zab_action *a);
/* What is new in the log, and what is newly committed, to all that are fed. */
void stage_feed_all(struct stage *s, int who);
/* The configuration that this txn carries: its number, or -1. */
int stage_config_of(const struct stage *s, zk_zxid zxid);

/* ---- Logs and events. */

void stage_log_add(struct stage_log *l, zk_zxid zxid);
/* The last of the first `count`; 0: there is none. */
zk_zxid stage_log_end(const struct stage_log *l, size_t count);
/* Index of the first one beyond zxid. */
size_t stage_log_after(const struct stage_log *l, zk_zxid zxid);
void stage_log_cut(struct stage_log *l, zk_zxid zxid);
/* What happened to a server, which is worth a line. */
void stage_happen(struct stage *s, int who, struct zab_event ev);

#endif
