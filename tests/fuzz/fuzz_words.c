/* The first bytes of a connection, before any handshake: four-letter words, frames,
 * anything. The input is a list of writes (a length byte, then so many bytes), after which
 * the client may close its side (a length of 0). Nothing may crash, leak or spin, and a
 * connection that asked a word must end. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/net_rig.h"
#include "util/check.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(int fd)
{
    static uint8_t buffer[65536];

    while (net_rig_recv(fd, buffer, sizeof buffer) > 0) {
    }
}

static void feed(struct net_rig *r, int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t len = data[0];

        data++;
        size--;
        if (len == 0) {
            (void)shutdown(fd, SHUT_WR);
            return;
        }
        if (len > size)
            len = size;
        if (send(fd, data, len, MSG_NOSIGNAL) != (ssize_t)len)
            return; /* It was closed: rightly or not is not seen from here. */
        data += len;
        size -= len;
        net_rig_run(r);
        drain(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const whitelists[] = { "*", "srvr", "stmk,cons", "" };
    struct words_conf words = net_rig_words_conf();
    struct net_rig rig;

    if (size < 1)
        return 0;
    log_set_level(LOG_LEVEL_ERROR);
    words.whitelist = whitelists[data[0] % 4];
    net_rig_init(&rig, NULL, NULL, &words);

    int other = net_rig_open(&rig, 1);
    int fd = net_rig_open(&rig, 2);

    feed(&rig, fd, data + 1, size - 1);
    drain(fd);
    net_rig_sleep(&rig, NET_WORD_MS);
    drain(fd);
    net_rig_sleep(&rig, 60000);
    /* Nobody is left, whatever was sent: no handshake of theirs can live so long. */
    zk_assert(rig.net.count == 0);
    zk_assert(rig.net.words.running == 0);
    zk_assert(rig.net.ingress.used == 0);
    zk_assert(rig.service.egress_bytes == 0);
    (void)close(fd);
    (void)close(other);
    net_rig_done(&rig);
    return 0;
}
