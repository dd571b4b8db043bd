/* The watchers of a client, by kind and path. Paths are the server's: with the chroot. */
#ifndef CLIENT_WATCHES_H
#define CLIENT_WATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/zabclient.h"
#include "util/list.h"

enum watch_kind {
    WATCH_DATA,
    WATCH_EXIST,
    WATCH_CHILD,
    WATCH_PERSISTENT,
    WATCH_RECURSIVE,
    WATCH_KINDS, /* How many there are. */
};

/* One watcher at one path. */
struct watch {
    struct list in_all;    /* watches.all of its kind, in the order of setting. */
    struct list in_bucket; /* Those whose paths have equal hashes. */
    enum watch_kind kind;
    struct zabc_watcher watcher;
    size_t path_len;
    char path[]; /* NUL-terminated. */
};

struct watches {
    struct list all[WATCH_KINDS];
    size_t counts[WATCH_KINDS];
    struct list *buckets;
    size_t buckets_count; /* A power of two. */
    size_t count;
    uint64_t seed;
};

void watches_init(struct watches *w, uint64_t seed);
void watches_done(struct watches *w);

/* Nothing changes when it is there already. */
void watches_add(struct watches *w, enum watch_kind kind, const char *path,
                 const struct zabc_watcher *watcher);

/* Removes `watcher`, or all with NULL, of that kind at that path, and appends who was removed to
 * `gone` (struct zabc_watcher each, none twice) unless that is NULL. Returns how many went. */
size_t watches_remove(struct watches *w, enum watch_kind kind, const char *path,
                      const struct zabc_watcher *watcher, struct bytes *gone);

/* Whether there is one to be removed. */
bool watches_has(const struct watches *w, enum watch_kind kind, const char *path,
                 const struct zabc_watcher *watcher);

/* Whether there is one of somebody else. */
bool watches_has_other(const struct watches *w, enum watch_kind kind, const char *path,
                       const struct zabc_watcher *watcher);

/* Who is to be told of a znode's event: appends them to `told`, none twice. Those that are told
 * only once are removed. */
void watches_fire(struct watches *w, enum zk_event type, const char *path, struct bytes *told);

#endif
