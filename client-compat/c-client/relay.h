/* A TCP relay between a client and the servers, so that a question can cut the connection. */

#ifndef COMPAT_RELAY_H
#define COMPAT_RELAY_H

struct relay;

/* Forwards to the first server of `servers` (host:port[,host:port...], IPv4) that accepts.
 * Returns NULL when it can't listen. */
struct relay *relay_new(const char *servers);

/* Where clients connect to: 127.0.0.1:port. Belongs to the relay. */
const char *relay_address(const struct relay *r);

/* Ends every connection. The client may come back at once. */
void relay_cut(struct relay *r);

/* Keeps the open connections and ends every new one until relay_accept(). */
void relay_shut(struct relay *r);

/* Ends every connection and every new one until relay_accept(). */
void relay_refuse(struct relay *r);
void relay_accept(struct relay *r);

/* Ends everything; NULL is fine. */
void relay_free(struct relay *r);

#endif
