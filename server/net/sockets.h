/* What sockets of ours do alike. */
#ifndef SERVER_NET_SOCKETS_H
#define SERVER_NET_SOCKETS_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The addresses of a name as getaddrinfo() found them, at most max of them, but those of IPv4 in
 * front, as a JVM takes them: to `localhost` belongs 127.0.0.1, where ::1 is listed before it, too.
 * Returns their number. */
size_t socket_addresses(struct sockaddr_storage *ret, size_t max, const struct addrinfo *found);

/* Before the socket is bound; accepted ones inherit TCP_NODELAY and keepalive. An IPv6 socket also
 * serves IPv4, as Java's do. 0 or a negative errno. */
int socket_listen_options(int fd, int family, bool keepalive);

/* A connection between servers. TCP sends again what was lost after pauses that double, so a
 * network that was cut for long is used again only as long after it has healed; here the pauses
 * stay at a second (with Linux 6.15 and later). And a connection on which nothing has been
 * acknowledged for unheard_ms is over, for a new one to be made: 0 leaves that to the system. */
void socket_watch(int fd, int32_t unheard_ms);
/* While nothing is said the other side is asked every so many seconds whether it is there. */
void socket_keep_alive(int fd, int idle_s);

/* Ends it by RST: nothing of it stays with us. */
void socket_reset(int fd);

/* A descriptor that is given up to accept and refuse when there is no other; -1: there is none. A
 * port with somebody waiting stays readable: who could not even refuse would spin. */
void reserve_take(int *reserve_fd); /* Nothing if there is one. */
void reserve_drop(int *reserve_fd);
/* Accepts one with it and refuses that. False: it can't be done (again), so accepting must pause.
 */
bool reserve_refuse(int *reserve_fd, int listen_fd);

#endif
