/* Threads beside the loop. They take no signals: those are for the thread that has the loop. */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* Each returns 0 or a negative errno. stack_bytes: what run() needs, as nothing grows it. */
int thread_start(pthread_t *ret, size_t stack_bytes, void *(*run)(void *), void *arg);
/* Nobody waits for its end. */
int thread_start_detached(size_t stack_bytes, void *(*run)(void *), void *arg);

#endif
