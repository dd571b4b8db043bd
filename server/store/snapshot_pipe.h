/* Reading ahead: a thread reads, decompresses and checksums while the caller makes
 * znodes of what came before. A file of one buffer is read without a thread.
 * Internal to the floor. */
#ifndef SERVER_STORE_SNAPSHOT_PIPE_H
#define SERVER_STORE_SNAPSHOT_PIPE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/limits.h"
#include "server/store/snapshot_source.h"

struct snapshot_chunk {
    uint8_t *at;
    size_t len;
    uint32_t sum_before; /* Adler-32 of everything before it. */
};

struct snapshot_pipe {
    struct snapshot_source source; /* Of the thread, once it runs. */
    uint32_t sum;                  /* The same. */

    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct snapshot_chunk chunks[SNAPSHOT_READ_BUFFERS];
    uint64_t made, taken; /* Chunks, ever. */
    bool holds_one;       /* The caller has chunk `taken`. */
    bool at_end, stop;
    int err;

    pthread_t thread;
    bool has_thread;
};

/* Takes over fd. Free with snapshot_pipe_done() in any case. 0, or a negative errno with why. */
int snapshot_pipe_open(struct snapshot_pipe *p, int fd, enum snapshot_kind kind, const char *path,
                       char why[STORE_WHY_MAX]);
void snapshot_pipe_done(struct snapshot_pipe *p);

/* 1 and the next chunk, never empty, good until the next call; 0 at the end; or -EBADMSG
 * (compressed bytes are wrong) or another negative errno. */
int snapshot_pipe_next(struct snapshot_pipe *p, struct snapshot_chunk *ret);

#endif
