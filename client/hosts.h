/* A server list, `host[:port],...[/chroot]`, in the order in which it is to be tried. */
#ifndef CLIENT_HOSTS_H
#define CLIENT_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "util/rand.h"

struct host {
    char *name; /* Without the brackets of an IPv6 address. */
    uint16_t port;
};

struct hosts {
    struct host *items;
    size_t count;
    char *chroot; /* "" when there is none; never NULL after hosts_parse(). */
};

/* Returns 0, or -EINVAL and leaves nothing to free. The order is shuffled, unless `rand`
 * is NULL. */
int hosts_parse(struct hosts *ret, const char *text, struct rand_state *rand);
void hosts_done(struct hosts *h);

#endif
