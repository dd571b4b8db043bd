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

/* What takes the items of a snapshot into a state, between tree_load_begin() and intake_end():
 * functions for struct snapshot_sink, with the intake for their ctx. They return 0, -EBADMSG
 * with why, or another negative errno. */
struct intake {
    struct state *state;
    const char *from; /* What it is read from, for `why`. */
    char *why;        /* STORE_WHY_MAX. */
};

int intake_session(void *ctx, zk_session_id id, int32_t timeout_ms);
int intake_acl(void *ctx, int64_t id, struct jute_vector acls);
int intake_node(void *ctx, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                const uint8_t raw[60]);
int intake_end(const struct intake *l, zk_zxid zxid);

/* What to replay: the logs of a directory, up to and including txn `until`. */
struct replay {
    const char *log_dir;
    const struct snapshot_info *info; /* Of the snapshot that was loaded, or NULL. */
    bool digest_on;
    zk_zxid until; /* INT64_MAX: all. */
};

/* Applies every txn behind tree_zxid(). Returns 0 and *ret_log, read to its end if all was wanted;
 * or a negative errno with why. */
int replay_log(struct state *s, struct recover_report *report, struct log_reader **ret_log,
               const struct replay *what, char why[STORE_WHY_MAX]);

#endif
