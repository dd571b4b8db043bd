#include "util/thread.h"

#include <signal.h>

static int start(pthread_t *ret, int detach, size_t stack_bytes, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    int r = pthread_attr_init(&attr);

    if (r != 0)
        return -r;
    (void)pthread_attr_setstacksize(&attr, stack_bytes);
    (void)pthread_attr_setdetachstate(&attr, detach);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(ret, &attr, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return -r;
}

int thread_start(pthread_t *ret, size_t stack_bytes, void *(*run)(void *), void *arg)
{
    return start(ret, PTHREAD_CREATE_JOINABLE, stack_bytes, run, arg);
}

int thread_start_detached(size_t stack_bytes, void *(*run)(void *), void *arg)
{
    pthread_t thread;

    return start(&thread, PTHREAD_CREATE_DETACHED, stack_bytes, run, arg);
}
