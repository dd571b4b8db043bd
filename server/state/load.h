/* One snapshot file to a state, and log after it. Internal to the floor. */
#ifndef SERVER_STATE_LOAD_H
#define SERVER_STATE_LOAD_H

#include "server/state/recover.h"
#include "server/store/snapshot.h"

/* A state without anything but the built-in nodes. Returns 0 or a negative errno. */
int state_new(struct state *ret, const struct tree_conf *conf);

/* Loads one file. Returns 0, -EBADMSG with why when the file is damaged, or another
 * negative errno with why; then ret is empty. */
int load_snapshot(struct state *ret, struct snapshot_info *info, const struct tree_conf *conf,
                  const char *dir, const struct snapshot_name *name, char why[STORE_WHY_MAX]);

/* Applies every txn behind tree_zxid(). info is of the snapshot that was loaded, or NULL.
 * Returns 0 and *ret_log, read to its end; or a negative errno with why. */
int replay_log(struct state *s, struct recover_report *report, struct log_reader **ret_log,
               const char *log_dir, const struct snapshot_info *info, bool digest_on,
               char why[STORE_WHY_MAX]);

#endif
