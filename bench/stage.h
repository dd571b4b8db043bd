/* The nodes of a run, below one of their own with a random name:
 *
 *   k/00000000, ...   the keys
 *   d00, ...          directories for what is created during the run
 *
 * They are made, checked and removed by a session that makes no load. It goes on over lost
 * connections, and after its session has expired with a new one. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"

enum {
    STAGE_DIRS = 256,
    STAGE_PATH_BYTES = 48, /* Of any path below the root of a run. */
};

/* Everything here that can fail sets bench.fatal, which is a text of the stage's. */

/* Connects. */
bool stage_new(struct bench *b);
void stage_free(struct bench *b);
/* Makes root, keys and directories. */
bool stage_set_up(struct bench *b);
/* Removes all of it, whatever bench.fatal says; false: some is left, and `why` says why. */
bool stage_remove(struct bench *b, const char **why);

/* What the writes have left there: versions of the keys, or nodes in the directories. Returns enum
 * zk_err; this is no reason for bench.fatal. */
int stage_count(struct bench *b, uint64_t *ret);

/* Adds the identity that the options name. */
void stage_identify(const struct bench *b, struct zabc *client);

/* The session's client. Its answers may be "expired": ask the new one then. */
struct zabc *stage_client(const struct bench *b);

void stage_key_path(char *ret, uint64_t key);
void stage_node_path(char *ret, uint64_t node, bool is_sequential);

#endif
