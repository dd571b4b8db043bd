/* Sends to many sockets at once, by the loop's thread and a helper together.
 *
 * A send to a socket of this machine or a fast network is mostly work of the kernel, a few
 * microseconds each: a change that a thousand clients watch keeps one core busy for
 * milliseconds while another idles. The loop hands out the list, sends as well, and goes on
 * when all is sent: nobody else touches anything meanwhile, so nothing needs a lock. The
 * helper starts when it is first of use, and sleeps otherwise. */
#ifndef SERVER_NET_SENDERS_H
#define SERVER_NET_SENDERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct send_job {
    int fd;
    const uint8_t *at;
    size_t len;
    ssize_t sent; /* What send() returned... */
    int err;      /* ...and errno, if that was -1. */
    void *owner;  /* The caller's. */
};

struct senders {
    pthread_t thread;
    bool is_started;
    bool is_alone; /* One processor, or no thread to be had. */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    /* Under the lock. */
    struct send_job *jobs; /* NULL: nothing to do. */
    size_t count;
    unsigned round;
    bool is_helping, is_stopping;
    size_t next; /* Atomic: the first job that nobody has taken. */
};

void senders_init(struct senders *s);
void senders_done(struct senders *s);

/* Carries out all jobs; none of them blocks. */
void senders_run(struct senders *s, struct send_job *jobs, size_t count);

#endif
