/* What the parts of the rig share. Only ensemble_rig*.c look in here.
 *
 *   ensemble_rig.c   servers start and die; turns, in which all that is under way arrives
 *   ..._io.c         what a server is given: its disk, links, and a host that takes notes
 *   ..._played.c     what a test does: it plays servers and asks for txns */
#ifndef TESTS_LIB_ENSEMBLE_RIG_IMPL_H
#define TESTS_LIB_ENSEMBLE_RIG_IMPL_H

#include "tests/lib/ensemble_rig.h"

/* ---- The disk. */

/* Keeps the first `count` txns. */
void rig_disk_cut(struct rig_disk *d, size_t count);
void rig_disk_done(struct rig_disk *d);
zk_zxid rig_disk_last(const struct rig_disk *d);
/* The state that it holds, a new one. */
void rig_disk_read(const struct rig_disk *d, struct state *ret);

/* ---- What a server is given. */

struct ensemble_io rig_io_for(struct rig_server *s);
struct ensemble_host rig_host_for(struct rig_server *s);
/* It runs, or is played. */
bool rig_is_there(const struct rig_server *s);
/* Not up yet, and named at the end `to` only. */
struct rig_link *rig_link_new(struct ensemble_rig *r, int from, int to);

#endif
