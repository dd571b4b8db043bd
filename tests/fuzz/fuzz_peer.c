/* Fuzz target: what other servers send before anything is known of them: packets of the quorum
 * port, notifications and initial messages of the election port.
 *
 * The first byte chooses one of the three, and where the rest is cut for a reader that sees it
 * in pieces. Laws: what is read is written back as the same bytes, apart from what a notification
 * says of its version; nothing is refused that more bytes would have made good, or the reverse; a
 * reader that wants more does not look beyond what it was given (AddressSanitizer). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

typedef int64_t reader(const uint8_t *at, size_t len, struct bytes *written);

static int64_t read_packet(const uint8_t *at, size_t len, struct bytes *written)
{
    struct zab_packet p;
    int64_t r = zab_packet_read(&p, at, len, MAX);

    if (r > 0) {
        zk_assert(r >= ZAB_PACKET_MIN && r <= ZAB_PACKET_MIN + 2 * MAX);
        zk_assert(p.data.len >= -1 && p.data.len <= MAX);
        zk_assert(p.authinfo.count >= -1 && p.authinfo.count <= MAX / 8);
        zk_assert(zab_packet_name(p.type) != NULL);
        zab_packet_write(&p, written);
    }
    return r;
}

static int64_t read_initial(const uint8_t *at, size_t len, struct bytes *written)
{
    struct zab_initial_address address;
    char text[ZAB_INITIAL_ADDRESS_MAX + 1];
    struct zab_initial i;
    int64_t r = zab_initial_read(&i, at, len);
    int next = 1;

    if (r <= 0)
        return r;
    zk_assert(r <= ZAB_INITIAL_MAX);
    if (i.addresses.len < 0) {
        jute_write_i64(written, i.sid);
        return r;
    }
    memcpy(text, i.addresses.at, (size_t)i.addresses.len);
    text[i.addresses.len] = '\0';
    zk_assert(strlen(text) == (size_t)i.addresses.len);
    zab_initial_write(i.sid, text, at[7] != 0, written);
    while (next > 0) {
        next = zab_initial_next(&i.addresses, &address);
        zk_assert(next <= 0 || address.host.len > 0);
    }
    zk_assert(next == 0);
    return r;
}

/* In memory of its own size. */
static int64_t read_exact(reader *read, const uint8_t *at, size_t len, struct bytes *written)
{
    uint8_t *exact = malloc(len);

    zk_assert(exact != NULL || len == 0);
    if (len > 0)
        memcpy(exact, at, len);
    int64_t r = read(exact, len, written);
    free(exact);
    return r;
}

static void fuzz_stream(reader *read, const uint8_t *at, size_t len, size_t cut)
{
    struct bytes whole = { 0 };
    struct bytes part = { 0 };
    int64_t r = read_exact(read, at, len, &whole);
    int64_t of_part = read_exact(read, at, cut, &part);

    zk_assert(r == -EBADMSG || (r >= 0 && (size_t)r <= len));
    if (r > 0) {
        zk_assert(whole.len == (size_t)r && memcmp(whole.at, at, whole.len) == 0);
        zk_assert(of_part == ((size_t)r <= cut ? r : 0));
        part.len = 0;
        zk_assert(read_exact(read, at, (size_t)r - 1, &part) == 0);
    } else {
        zk_assert(of_part == r || of_part == 0);
    }
    bytes_done(&whole);
    bytes_done(&part);
}

static void fuzz_notification(const uint8_t *at, size_t len)
{
    struct zab_notification n;
    struct zab_notification again;
    struct bytes out = { 0 };
    int r = zab_notification_read(&n, at, len);

    zk_assert(r == 0 || r == -EBADMSG);
    zk_assert(len >= 28 || r < 0);
    if (r < 0)
        return;
    zab_notification_write(&n, &out);
    zk_assert(jute_load32(out.at) == out.len - 4);
    zk_assert(zab_notification_read(&again, out.at + 4, out.len - 4) == 0);
    zk_assert(again.state == n.state && again.version == 2);
    zk_assert(memcmp(&again.vote, &n.vote, sizeof n.vote) == 0);
    zk_assert(n.config.len <= 0 || jute_bytes_equal(again.config, n.config));
    if (n.version == 2)
        zk_assert(out.len - 4 <= len && memcmp(out.at + 4, at, out.len - 4) == 0);
    bytes_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    const uint8_t *at = data + 2;
    size_t len = size - 2;
    size_t cut = len * data[1] / 256;

    switch (data[0] % 3) {
    case 0:
        fuzz_stream(read_packet, at, len, cut);
        break;
    case 1:
        fuzz_stream(read_initial, at, len, cut);
        break;
    default:
        if (len <= ZAB_FRAME_MAX)
            fuzz_notification(at, len);
        break;
    }
    return 0;
}
