/* The snapshot that a leader sends behind SNAP (quorum-protocol 3.6): sessions, ACLs, nodes, "/"
 * and "BenWasHere", without header and seals. Fuzzy as snapshot files are: it holds all up to
 * the zxid of its begin, and traces of what was applied since, which the learner is sent, too. Any
 * number of them at a time. */
#ifndef SERVER_STATE_DUMP_STREAM_H
#define SERVER_STATE_DUMP_STREAM_H

#include <stddef.h>

#include "server/state/recover.h"
#include "util/bytes.h"

struct dump_stream;

/* Sessions and ACL lists are copied here in one go. */
struct dump_stream *dump_stream_begin(struct state *s);
/* Appends about `bytes` (a large node may make it more). 1: all is out, BenWasHere too; 0: there is
 * more; -ECANCELED: the tree is gone that it was begun with, nothing was appended. */
int dump_stream_step(struct dump_stream *d, struct state *s, size_t bytes, struct bytes *out);
zk_zxid dump_stream_zxid(const struct dump_stream *d);
/* At any time, also after the tree is gone. NULL is fine. */
struct dump_stream *dump_stream_free(struct dump_stream *d, struct state *s);

#endif
