/* What the machine gives for a change that many watch: one small send to each of many
 * loopback connections by one thread or two, while another thread takes them in as clients
 * would. No server in between, so it is the ceiling of notifications a second.
 *
 *     bench_fanout [CONNECTIONS] [ROUNDS] [PAUSE_MS]
 *
 * PAUSE_MS: between two rounds, as when the clients set their watches again meanwhile; the caches
 * are cold then. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util/check.h"

enum { EVENT_BYTES = 60, HEAD_BYTES = 4 };

static int *servers, *clients;
static int count = 1000, rounds = 50, pause_ms, senders = 1;
static pthread_barrier_t start;

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void connect_all(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int on = 1;
    int l = socket(AF_INET, SOCK_STREAM, 0);

    zk_assert(bind(l, (struct sockaddr *)&at, sizeof at) == 0 && listen(l, 128) == 0);
    zk_assert(getsockname(l, (struct sockaddr *)&at, &len) == 0);
    for (int i = 0; i < count; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        zk_assert(connect(clients[i], (struct sockaddr *)&at, sizeof at) == 0);
        servers[i] = accept(l, NULL, NULL);
        zk_assert(servers[i] >= 0);
        (void)setsockopt(servers[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    (void)close(l);
}

static void *send_share(void *arg)
{
    static const char event[EVENT_BYTES];
    int first = *(int *)arg;

    for (int r = 0; r < rounds; r++) {
        (void)pthread_barrier_wait(&start);
        for (int i = first; i < count; i += senders)
            zk_assert(send(servers[i], event, sizeof event, MSG_NOSIGNAL) == EVENT_BYTES);
        (void)pthread_barrier_wait(&start);
    }
    return NULL;
}

/* Reads a length, then the rest, as a client does. */
static void take_in_round(int ep)
{
    struct epoll_event events[256];
    char buffer[EVENT_BYTES];

    for (int got = 0; got < count;) {
        int n = epoll_wait(ep, events, 256, -1);
        for (int i = 0; i < n; i++, got++) {
            int fd = events[i].data.fd;
            zk_assert(recv(fd, buffer, HEAD_BYTES, 0) == HEAD_BYTES);
            zk_assert(recv(fd, buffer, sizeof buffer - HEAD_BYTES, 0) > 0);
        }
    }
}

static double measure(int ep)
{
    pthread_t threads[2];
    int first[2] = { 0, 1 };
    double sum = 0;

    (void)pthread_barrier_init(&start, NULL, (unsigned)senders + 1);
    for (int i = 0; i < senders; i++)
        zk_assert(pthread_create(&threads[i], NULL, send_share, &first[i]) == 0);
    for (int r = 0; r < rounds; r++) {
        (void)usleep((useconds_t)pause_ms * 1000);
        (void)pthread_barrier_wait(&start);
        double begin = now_us();
        take_in_round(ep);
        sum += now_us() - begin;
        (void)pthread_barrier_wait(&start);
    }
    for (int i = 0; i < senders; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&start);
    return sum / rounds;
}

static int number(int argc, char **argv, int index, int otherwise)
{
    char *end;

    if (index >= argc)
        return otherwise;
    long v = strtol(argv[index], &end, 10);
    zk_assert(*end == '\0' && v >= 0 && v <= 1000000);
    return (int)v;
}

int main(int argc, char **argv)
{
    count = number(argc, argv, 1, count);
    rounds = number(argc, argv, 2, rounds);
    pause_ms = number(argc, argv, 3, 0);
    struct rlimit limit;
    zk_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    servers = zk_xcalloc((size_t)count, sizeof *servers);
    clients = zk_xcalloc((size_t)count, sizeof *clients);
    connect_all();
    int ep = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.fd = clients[i] };
        zk_assert(epoll_ctl(ep, EPOLL_CTL_ADD, clients[i], &e) == 0);
    }
    for (senders = 1; senders <= 2; senders++) {
        double us = measure(ep);
        (void)printf(
            "senders=%d connections=%d pause_ms=%d round_us=%.0f notifications_per_s=%.0f\n",
            senders, count, pause_ms, us, count * 1e6 / us);
    }
    free(servers);
    free(clients);
    return 0;
}
