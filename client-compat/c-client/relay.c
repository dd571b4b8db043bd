/* See relay.h. One thread with poll(): it accepts, dials and copies; the other functions tell it
 * what to do through a pipe and wait for its answer. */

#include "relay.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 16

enum order {
    ORDER_CUT = 'c',
    ORDER_SHUT = 's',
    ORDER_ACCEPT = 'a',
    ORDER_END = 'e',
};

struct relay {
    char servers[512];
    char address[32];
    int listener;
    int orders[2];  /* Pipe to the thread. */
    int answers[2]; /* Pipe back: one byte when an order is done. */
    pthread_t thread;
    bool is_refusing;
    int link_count;
    int links[LINKS_MAX][2]; /* Client, server. */
};

static int dial(const char *servers)
{
    char list[512];
    char *rest = list;

    snprintf(list, sizeof(list), "%s", servers);
    for (char *one; (one = strsep(&rest, ",")) != NULL;) {
        char *port = strrchr(one, ':');
        struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
        struct addrinfo *found;

        if (port == NULL)
            continue;
        *port++ = '\0';
        if (getaddrinfo(one, port, &hints, &found) != 0)
            continue;

        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool is_connected = connect(fd, found->ai_addr, found->ai_addrlen) == 0;

        freeaddrinfo(found);
        if (is_connected)
            return fd;
        close(fd);
    }
    return -1;
}

static void drop_link(struct relay *r, int i)
{
    close(r->links[i][0]);
    close(r->links[i][1]);
    r->link_count--;
    memmove(r->links[i], r->links[r->link_count], sizeof(r->links[i]));
}

static void drop_links(struct relay *r)
{
    while (r->link_count > 0)
        drop_link(r, r->link_count - 1);
}

static void take_client(struct relay *r)
{
    int client = accept(r->listener, NULL, NULL);
    int on = 1;

    if (client < 0)
        return;

    int server = r->is_refusing || r->link_count == LINKS_MAX ? -1 : dial(r->servers);

    if (server < 0) {
        close(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    r->links[r->link_count][0] = client;
    r->links[r->link_count][1] = server;
    r->link_count++;
}

/* Copies what there is; false when this link has come to its end. */
static bool copy_some(int from, int to)
{
    char buf[65536];
    ssize_t len = read(from, buf, sizeof(buf));

    for (ssize_t done = 0; done < len;) {
        ssize_t n = send(to, buf + done, (size_t)(len - done), MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        done += n;
    }
    return len > 0;
}

static void copy_ready(struct relay *r, const struct pollfd *fds)
{
    /* From the last to the first, since drop_link() moves the last one into the gap. */
    for (int i = r->link_count - 1; i >= 0; i--) {
        bool is_up = true;

        for (int side = 0; side < 2 && is_up; side++)
            if (fds[2 * i + side].revents != 0)
                is_up = copy_some(r->links[i][side], r->links[i][1 - side]);
        if (!is_up)
            drop_link(r, i);
    }
}

static bool obey(struct relay *r)
{
    char order;

    if (read(r->orders[0], &order, 1) != 1 || order == ORDER_END)
        return false;
    if (order == ORDER_CUT)
        drop_links(r);
    else
        r->is_refusing = order == ORDER_SHUT;
    return write(r->answers[1], &order, 1) == 1;
}

static void *relay_loop(void *arg)
{
    struct relay *r = arg;

    for (;;) {
        struct pollfd fds[2 + 2 * LINKS_MAX] = {
            { .fd = r->orders[0], .events = POLLIN },
            { .fd = r->listener, .events = POLLIN },
        };

        for (int i = 0; i < r->link_count; i++)
            for (int side = 0; side < 2; side++)
                fds[2 + 2 * i + side] =
                    (struct pollfd){ .fd = r->links[i][side], .events = POLLIN };
        if (poll(fds, (nfds_t)(2 + 2 * r->link_count), -1) < 0)
            continue;
        copy_ready(r, fds + 2);
        if (fds[1].revents != 0)
            take_client(r);
        if (fds[0].revents != 0 && !obey(r))
            break;
    }
    drop_links(r);
    return NULL;
}

static void give_order(struct relay *r, enum order order)
{
    char c = (char)order;

    if (write(r->orders[1], &c, 1) != 1 || (order != ORDER_END && read(r->answers[0], &c, 1) != 1))
        abort();
}

struct relay *relay_new(const char *servers)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t len = sizeof(addr);
    struct relay *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(r->servers, sizeof(r->servers), "%s", servers);
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(r->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(r->listener, 16) != 0 ||
        getsockname(r->listener, (struct sockaddr *)&addr, &len) != 0 || pipe(r->orders) != 0 ||
        pipe(r->answers) != 0 || pthread_create(&r->thread, NULL, relay_loop, r) != 0) {
        free(r);
        return NULL;
    }
    snprintf(r->address, sizeof(r->address), "127.0.0.1:%d", ntohs(addr.sin_port));
    return r;
}

const char *relay_address(const struct relay *r)
{
    return r->address;
}

void relay_cut(struct relay *r)
{
    give_order(r, ORDER_CUT);
}

void relay_shut(struct relay *r)
{
    give_order(r, ORDER_SHUT);
}

void relay_refuse(struct relay *r)
{
    relay_shut(r);
    relay_cut(r);
}

void relay_accept(struct relay *r)
{
    give_order(r, ORDER_ACCEPT);
}

void relay_free(struct relay *r)
{
    if (r == NULL)
        return;
    give_order(r, ORDER_END);
    pthread_join(r->thread, NULL);
    close(r->listener);
    for (int i = 0; i < 2; i++) {
        close(r->orders[i]);
        close(r->answers[i]);
    }
    free(r);
}
