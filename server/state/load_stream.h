/* A snapshot stream (dump_stream.h) taken in, in pieces of any size: the other end of SNAP.
 *
 * The bytes are a peer's. What is kept of them beyond the state itself is one item at the most (a
 * node, an ACL list), and never more than came in. */
#ifndef SERVER_STATE_LOAD_STREAM_H
#define SERVER_STATE_LOAD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/state/recover.h"

#define STREAM_SIGNATURE "BenWasHere"

struct load_stream;

/* Takes over what `empty` has (a tree with the built-in nodes only, no sessions) and leaves
 * nothing in it. */
struct load_stream *load_stream_begin(struct state *empty);
/* Returns the bytes taken: all of them, or, with *ret_done, those up to the end of the
 * stream: what is behind belongs to others. -EBADMSG: this is no snapshot, or another negative
 * errno; then only load_stream_free() is left. */
int64_t load_stream_feed(struct load_stream *l, const uint8_t *at, size_t len, bool *ret_done);
/* What was wrong, for a line of the log: no text of the stream's own. */
const char *load_stream_why(const struct load_stream *l);
/* After *ret_done: hands the state over, at `zxid`. 0, or a negative errno: the state is none (a
 * path came twice). */
int load_stream_end(struct load_stream *l, zk_zxid zxid, struct state *ret);
struct load_stream *load_stream_free(struct load_stream *l); /* NULL is fine. */

#endif
