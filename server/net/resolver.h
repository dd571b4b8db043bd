/* Names to addresses. The system's lookup blocks for as long as a name server likes, so it
 * runs on threads of its own; answers come back to the loop. Literal addresses need no thread.
 *
 * A name is looked up anew each time that it is asked for: addresses may move. */
#ifndef SERVER_NET_RESOLVER_H
#define SERVER_NET_RESOLVER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/list.h"

enum { RESOLVED_MAX = 8 };

/* Addresses of one name, with port 0. */
struct resolved {
    struct sockaddr_storage at[RESOLVED_MAX];
    size_t count; /* 0: the name means nothing, or nobody could be asked. */
};

struct resolver;
struct resolver_job;

/* One who asks; embedded in it. */
struct resolver_query {
    struct list in_job;
    void (*done)(struct resolver_query *q, const struct resolved *found);
};

struct resolver_conf {
    void *ctx;
    void (*wake)(void *ctx);                                /* Before the first answer of a turn. */
    void (*lookup)(struct resolved *ret, const char *host); /* On a thread. NULL: the system's. */
};

/* 0 or a negative errno. */
int resolver_new(struct resolver **ret, const struct resolver_conf *conf, struct event_base *base);
/* Doesn't wait for lookups under way; who still asks is not answered. NULL is fine; returns
 * NULL. */
struct resolver *resolver_free(struct resolver *r);

/* False: not a literal address, so that it has to be asked for. */
bool resolver_literal(struct resolved *ret, const char *host);
/* What a name meant when it was last looked up with success, or NULL. */
const struct resolved *resolver_known(const struct resolver *r, const char *host);
/* done() comes later, from the loop, and once. host is copied. */
void resolver_ask(struct resolver *r, struct resolver_query *q, const char *host,
                  void (*done)(struct resolver_query *q, const struct resolved *found));
void resolver_query_init(struct resolver_query *q);
void resolver_forget(struct resolver_query *q); /* Harmless when it doesn't ask. */

#endif
