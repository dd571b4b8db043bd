/* A snapshot taken while requests go on: the loop serialises slices of the tree, the
 * writer's thread compresses, checksums and writes (design.md, Speed). Fuzzy as ZK's:
 * named by the zxid applied when it began; the log repairs the rest. */
#ifndef SERVER_STATE_DUMP_H
#define SERVER_STATE_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "server/state/recover.h"
#include "server/store/snapshot.h"

struct dump;

/* Begins: file header, sessions, ACLs. Sessions are copied here in one go.
 * digest_on writes the digest section, zxid_on the last-zxid section (never the latter
 * alone: trap 3.3). */
int dump_begin(struct dump **ret, struct state *s, const char *snap_dir, enum snapshot_codec codec,
               bool digest_on, bool zxid_on, int notify_fd);

/* Serialises for about budget_us (measured by now_us, an injected clock) or until the writer has no
 * room. Returns 1 when the file is complete and durable, 0 when there is more to do, or
 * a negative errno (-ECANCELED: the tree is gone that it was begun with); then free it. wants_cpu
 * tells whether calling again at once would make progress (else wait for notify_fd). */
int dump_step(struct dump *d, struct state *s, uint64_t budget_us, uint64_t (*now_us)(void),
              bool *ret_wants_cpu);
/* Abandons what is unfinished. At any time, also after the tree is gone. */
struct dump *dump_free(struct dump *d, struct state *s);
zk_zxid dump_zxid(const struct dump *d);

#endif
