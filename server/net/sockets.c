#include "server/net/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

size_t socket_addresses(struct sockaddr_storage *ret, size_t max, const struct addrinfo *found)
{
    static const int families[] = { AF_INET, AF_INET6 };
    size_t count = 0;

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (const struct addrinfo *a = found; a != NULL && count < max; a = a->ai_next) {
            if (a->ai_family != families[i] || a->ai_addrlen > sizeof ret[0])
                continue;
            ret[count] = (struct sockaddr_storage){ 0 };
            memcpy(&ret[count++], a->ai_addr, a->ai_addrlen);
        }
    }
    return count;
}

int socket_listen_options(int fd, int family, bool keepalive)
{
    static const int on = 1;
    static const int off = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return -errno;
    if (keepalive && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
        return -errno;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
        return -errno;
    return 0;
}

void socket_watch(int fd, int32_t unheard_ms)
{
    enum { RTO_MAX_MS = 44 }; /* TCP_RTO_MAX_MS, which older headers don't have. */
    static const int a_second = 1000;

    /* An older kernel says no: then it is as it was. */
    (void)setsockopt(fd, IPPROTO_TCP, RTO_MAX_MS, &a_second, sizeof a_second);
    if (unheard_ms > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
}

void socket_keep_alive(int fd, int idle_s)
{
    static const int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void socket_reset(int fd)
{
    static const struct linger at_once = { .l_onoff = 1 };

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
}

void reserve_take(int *reserve_fd)
{
    if (*reserve_fd < 0)
        *reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void reserve_drop(int *reserve_fd)
{
    if (*reserve_fd >= 0)
        (void)close(*reserve_fd);
    *reserve_fd = -1;
}

bool reserve_refuse(int *reserve_fd, int listen_fd)
{
    if (*reserve_fd < 0)
        return false;
    reserve_drop(reserve_fd);

    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0)
        socket_reset(fd);
    reserve_take(reserve_fd);
    return fd >= 0 && *reserve_fd >= 0;
}
