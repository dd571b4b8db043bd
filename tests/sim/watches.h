/* The watches of one client, as it knows them. */
#ifndef TESTS_SIM_WATCHES_H
#define TESTS_SIM_WATCHES_H

#include "server/tree/tree.h"
#include "tests/sim/sim.h"

enum watch_list { WATCHES_DATA, WATCHES_EXIST, WATCHES_CHILD, WATCHES_LISTS };

struct watch_entry {
    enum watch_list list;
    char path[32];
    zk_zxid zxid; /* mzxid (data) or pzxid (child) that it saw; exist: the reply's. */
};

struct watches {
    struct watch_entry *at;
    size_t count, cap;
};

void watches_done(struct watches *w);
void watches_add(struct watches *w, enum watch_list list, const char *path, zk_zxid zxid);
/* An event came. False: no watch waited for it. */
bool watches_fire(struct watches *w, int32_t type, const char *path);
/* A read shows that path is at this mzxid (0: missing): no watch may have slept over it.
 * Returns the one that did, or NULL. */
const struct watch_entry *watches_slept(const struct watches *w, const char *path, bool exists,
                                        zk_zxid mzxid);
const struct watch_entry *watches_slept_children(const struct watches *w, const char *path,
                                                 zk_zxid pzxid);
/* The whole tree, at the end. */
const struct watch_entry *watches_slept_at_all(const struct watches *w, const struct tree *t);
/* A request that sets them anew. */
void watches_write(const struct watches *w, zk_zxid since, struct bytes *out);

#endif
