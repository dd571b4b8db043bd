/* Addresses of a host, looked up beside the loop. */
#ifndef CLIENT_RESOLVE_H
#define CLIENT_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "client/limits.h"
#include "util/rand.h"

struct event_base;
struct resolve_job;

struct resolved {
    size_t count;
    struct sockaddr_storage at[CLIENT_ADDRESSES_MAX];
};

/* What is an address already needs no lookup: false when it is none. */
bool resolve_address(struct resolved *ret, const char *host, uint16_t port);
/* So that the clients of a name spread over its addresses. */
void resolved_shuffle(struct resolved *r, struct rand_state *rand);
/* Calls `done` from the loop, never from within: with no addresses when the name has none. It may
 * not be called at all when the job is cancelled first. Returns NULL when no lookup can be begun.
 */
struct resolve_job *resolve_begin(struct event_base *base, const char *host, uint16_t port,
                                  void (*done)(void *arg, const struct resolved *found), void *arg);
/* NULL is fine. Not for a job that is done. */
void resolve_cancel(struct resolve_job *j);

#endif
