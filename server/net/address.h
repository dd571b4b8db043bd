/* Where a connection comes from, compactly: 18 bytes and a family. */
#ifndef SERVER_NET_ADDRESS_H
#define SERVER_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t ip[16]; /* IPv4 in the first four; the rest is 0. */
    uint16_t port;
    bool is_v6;
};

/* A mapped IPv4 address becomes an IPv4 address. Another family becomes 0.0.0.0:0. */
struct address address_of(const struct sockaddr *sa);

/* As Java prints it: `127.0.0.1:2181`, `[0:0:0:0:0:0:0:1]:2181`. Returns the length. */
enum { ADDRESS_TEXT_MAX = 56 };
size_t address_print(char ret[ADDRESS_TEXT_MAX], const struct address *a);

#endif
