/* The operations that change nothing: each checks in ZK's order and answers at once
 * (client-protocol 3.11 to 3.17, 4.6, 4.7). */
#ifndef SERVER_REQUEST_READ_H
#define SERVER_REQUEST_READ_H

#include <stddef.h>
#include <stdint.h>

#include "server/request/reply.h"

/* Answers the call: exactly one reply. op is one of the reads. */
void read_answer(const struct call *call);

/* About how many bytes the reply will have; 0 for what is always small. */
size_t read_reply_size(const struct service *s, int32_t op, const uint8_t *body, size_t len);

/* The text as ZK reads it: ill-formed UTF-8 is replaced (into service->repaired, good until
 * the next call). Where a path is kept or sent back this makes a difference; no znode's
 * path holds such bytes. */
struct jute_bytes read_text(const struct call *call, struct jute_bytes text);

/* Parts of read_answer(). */
void read_exists(const struct call *call);
void read_data(const struct call *call);
void read_acl(const struct call *call);
void read_children(const struct call *call);
void read_descendant_count(const struct call *call);
void read_ephemerals(const struct call *call);
void read_whoami(const struct call *call);
void read_multi(const struct call *call);
void watch_set_all(const struct call *call);  /* setWatches, setWatches2. */
void watch_set_one(const struct call *call);  /* addWatch. */
void watch_drop_one(const struct call *call); /* checkWatches, removeWatches. */

/* The name of a path in the watch tables: read_text() of it; ZK keeps watches on the null
 * path, too. */
struct jute_bytes watch_key(const struct call *call, struct jute_bytes path);

/* Sets a watch of the caller, unless it has too many bytes of them already (limits.h):
 * then its connection is closed when the turn ends. */
void watch_set(const struct call *call, struct jute_bytes path, enum watch_mode mode);

/* Appends vector<ustring> of the children's names to out, from the cache if possible. */
struct children_cache;
struct children_cache *children_cache_new(void);
struct children_cache *children_cache_free(struct children_cache *c);
void children_cache_clear(struct children_cache *c); /* The tree is another. */
void children_put(struct service *s, const struct znode *n, struct bytes *out);

/* ---- Parts of answers, counted as read (client-protocol 7.5). */
void read_put_data(struct service *s, struct jute_bytes path, const struct znode *n,
                   struct bytes *out);
void read_put_children(struct service *s, struct jute_bytes path, const struct znode *n,
                       struct bytes *out);

#endif
