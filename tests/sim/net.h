/* The network of the simulator: who hears whom, how late, and the quorum port's streams. */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "tests/sim/member.h"

struct sim_net *net_new(struct sim *s);
struct sim_net *net_free(struct sim_net *net);

/* ---- Who hears whom. */
bool net_is_cut(const struct sim *s, size_t from, size_t to);
/* One way. What is in flight waits, as TCP would have it. */
void net_cut(struct sim *s, size_t from, size_t to);
void net_heal(struct sim *s); /* All of it. */
int64_t net_delay(struct sim *s, size_t from, size_t to);
/* From now on so much slower; 0: no more. */
void net_slow(struct sim *s, size_t from, size_t to, int64_t us);

/* ---- Quorum port. */
void net_connect(struct member *from, zab_link link, size_t to);
void net_send(struct member *n, zab_link link, const uint8_t *at, size_t len);
size_t net_unsent(struct member *n, zab_link link);
void net_close(struct member *n, zab_link link);
/* What was sent in this turn leaves. */
void net_turn_end(struct member *n);
/* What came in on a link and was not taken; NULL: no such link. */
struct bytes *net_received(struct member *n, zab_link link);
/* Breaks one of the connections that are up, if there is one. */
void net_break_one(struct sim *s);
void net_died(struct member *n);
void net_host_up(struct member *n);

/* ---- Election port: mesh.c. */
struct mesh *mesh_new(void);
struct mesh *mesh_free(struct mesh *m);
void mesh_notify(struct member *n, size_t to, const uint8_t *frame, size_t len);
void mesh_call(struct member *n, size_t to);
void mesh_turn_end(struct member *n);
void mesh_died(struct member *n);
void mesh_host_up(struct member *n);
void mesh_healed(struct sim *s);
void mesh_break_one(struct sim *s);

#endif
