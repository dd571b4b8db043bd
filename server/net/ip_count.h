/* How many connections each client address has: maxClientCnxns. */
#ifndef SERVER_NET_IP_COUNT_H
#define SERVER_NET_IP_COUNT_H

#include <stdint.h>

#include "server/net/address.h"

struct ip_count;

/* The seed keeps others from choosing addresses that collide. */
struct ip_count *ip_count_new(uint64_t seed);
struct ip_count *ip_count_free(struct ip_count *t); /* NULL is fine; returns NULL. */

uint32_t ip_count_of(const struct ip_count *t, const struct address *a);
void ip_count_add(struct ip_count *t, const struct address *a);
/* The address has at least one. */
void ip_count_drop(struct ip_count *t, const struct address *a);

#endif
