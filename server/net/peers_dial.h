/* One call of a peer: all of its addresses in turn, each a moment after the one before it or as
 * soon as that fails; the first connection that is made wins. */
#ifndef SERVER_NET_PEERS_DIAL_H
#define SERVER_NET_PEERS_DIAL_H

#include <stdbool.h>
#include <stdint.h>

struct peers;
struct dial;

/* fd: of the connection, which is the receiver's then; or a negative errno. -ECONNREFUSED: every
 * address that could be tried refused. The dial is gone when this is called. */
typedef void dial_done(void *ctx, int fd);

/* Begins when the loop goes round; done() never comes from inside dial_new() or dial_add(). */
struct dial *dial_new(struct peers *p, int64_t give_up_ms, dial_done *done, void *ctx);
void dial_add(struct dial *d, const char *host, uint16_t port);
struct dial *dial_free(struct dial *d); /* NULL is fine; returns NULL. */

/* Does what is due in all of them. */
void dial_run_all(struct peers *p);

#endif
