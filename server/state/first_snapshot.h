/* The snapshot of a directory that had none. Internal to the floor. */
#ifndef SERVER_STATE_FIRST_SNAPSHOT_H
#define SERVER_STATE_FIRST_SNAPSHOT_H

#include <stdbool.h>

#include "server/state/recover.h"

/* Writes a snapshot of s and waits until it is stored. 0, or a negative errno with why. */
int write_first_snapshot(struct state *s, const char *snap_dir, bool digest_on,
                         char why[STORE_WHY_MAX]);

#endif
