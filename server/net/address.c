#include "server/net/address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct address address_of(const struct sockaddr *sa)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct address a = { 0 };

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

        memcpy(a.ip, &in->sin_addr, 4);
        a.port = ntohs(in->sin_port);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        const uint8_t *ip = in6->sin6_addr.s6_addr;

        a.port = ntohs(in6->sin6_port);
        a.is_v6 = memcmp(ip, mapped, sizeof mapped) != 0;
        if (a.is_v6)
            memcpy(a.ip, ip, 16);
        else
            memcpy(a.ip, ip + 12, 4);
    }
    return a;
}

size_t address_print(char ret[ADDRESS_TEXT_MAX], const struct address *a)
{
    const uint8_t *ip = a->ip;
    int len = 0;

    if (!a->is_v6)
        return (size_t)snprintf(ret, ADDRESS_TEXT_MAX, "%d.%d.%d.%d:%d", ip[0], ip[1], ip[2], ip[3],
                                a->port);
    for (int i = 0; i < 16; i += 2)
        len += snprintf(ret + len, (size_t)(ADDRESS_TEXT_MAX - len), i > 0 ? ":%x" : "[%x",
                        ip[i] << 8 | ip[i + 1]);
    len += snprintf(ret + len, (size_t)(ADDRESS_TEXT_MAX - len), "]:%d", a->port);
    return (size_t)len;
}
