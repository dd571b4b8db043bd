/* Fuzz target of server/store/log_reader: a log file, and an index beside it.
 *
 * Input: a byte of flags; with FLAG_INDEX two bytes of length and that many bytes of index;
 * then the log. With FLAG_FRAME the log is made of pieces (a byte of length, that many bytes of
 * record) that become well-formed entries with consecutive zxids, and FLAG_NOISE takes
 * the last 8 bytes off the input beforehand: two places and what is xored there.
 *
 * Laws: reading ends; what was read once is read again; cutting the torn tail changes
 * nothing that is read and leaves a clean log; TRUNC leaves exactly the txns up to its zxid. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/store/log_reader.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_INDEX = 1, FLAG_FRAME = 2, FLAG_NOISE = 4, NOISE_BYTES = 8, PAYLOAD_HEAD = 32 };

static char dir[64];
static char log_path[96], index_path[96];

static void remove_dir(void)
{
    (void)unlink(log_path);
    (void)unlink(index_path);
    (void)rmdir(dir);
}

static void make_dir(void)
{
    if (dir[0] != '\0')
        return;
    (void)snprintf(dir, sizeof dir, "/tmp/zabd-fuzz-XXXXXX");
    zk_assert(mkdtemp(dir) != NULL);
    (void)snprintf(log_path, sizeof log_path, "%s/log.1", dir);
    (void)snprintf(index_path, sizeof index_path, "%s/zabd.index.1", dir);
    zk_assert(atexit(remove_dir) == 0);
}

static void write_file(const char *path, const uint8_t *at, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    zk_assert(fd >= 0);
    zk_assert(len == 0 || write(fd, at, len) == (ssize_t)len);
    (void)close(fd);
}

static void put_entry(struct bytes *out, int64_t zxid, const uint8_t *record, size_t len)
{
    uint8_t payload[PAYLOAD_HEAD + 256] = { 0 };

    (void)jute_store64(payload + 12, (uint64_t)zxid);
    memcpy(payload + PAYLOAD_HEAD, record, len);
    len += PAYLOAD_HEAD;
    jute_write_i64(out, (int64_t)adler32(1, payload, (uInt)len));
    jute_write_i32(out, (int32_t)len);
    bytes_put(out, payload, len);
    bytes_put(out, "B", 1);
}

static void frame(struct bytes *out, const uint8_t *data, size_t size)
{
    int64_t zxid = 1;

    bytes_put(out, "ZKLG\0\0\0\2\0\0\0\0\0\0\0\0", 16);
    while (size > 0) {
        size_t len = data[0];

        data++;
        size--;
        len = len < size ? len : size;
        put_entry(out, zxid++, data, len);
        data += len;
        size -= len;
    }
}

static void add_noise(struct bytes *b, const uint8_t *noise)
{
    for (size_t i = 0; i < NOISE_BYTES; i += 4) {
        size_t at = ((size_t)noise[i] << 8 | noise[i + 1]) % b->len;

        b->at[at] ^= noise[i + 2];
    }
}

/* Reads all; returns what log_reader said in the end. With ret_cut it cuts. */
static int read_all(zk_zxid *ret_last, uint64_t *ret_sum, uint64_t *ret_cut)
{
    struct log_reader *r = NULL;
    char why[STORE_WHY_MAX] = "";
    const uint8_t *at;
    size_t len;
    zk_zxid zxid;
    int e = log_reader_open(&r, dir, 1, why);

    *ret_last = 0;
    *ret_sum = 1;
    if (e == 0) {
        while ((e = log_reader_next(r, &at, &len, &zxid, why)) > 0) {
            zk_assert(zxid > *ret_last && len >= PAYLOAD_HEAD);
            *ret_last = zxid;
            *ret_sum = adler32((uLong)*ret_sum, at, (uInt)len);
        }
        if (e == 0 && ret_cut != NULL)
            zk_assert(log_cut(r, ret_cut) == 0);
        log_reader_free(r);
    }
    zk_assert(e == 0 || why[0] != '\0');
    return e;
}

static void check(void)
{
    zk_zxid last;
    zk_zxid again;
    uint64_t sum;
    uint64_t same;
    uint64_t cut;
    char why[STORE_WHY_MAX];
    int r = read_all(&last, &sum, NULL);

    zk_assert(read_all(&again, &same, NULL) == r && again == last && same == sum);
    if (r == 0) {
        zk_assert(read_all(&again, &same, &cut) == 0 && again == last && same == sum);
        zk_assert(read_all(&again, &same, &cut) == 0 && again == last && same == sum);
        zk_assert(cut == 0);
    }
    if (r == 0 && last < 1000) { /* Consecutive from 1: cut in the middle. */
        zk_assert(log_truncate(dir, last / 2, why) == 0);
        zk_assert(read_all(&again, &same, &cut) == 0 && again == last / 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes log = { .at = NULL };
    const uint8_t *noise = NULL;
    uint8_t flags;

    make_dir();
    (void)unlink(index_path);
    if (size == 0)
        return 0;
    flags = data[0];
    data++;
    size--;
    if ((flags & FLAG_INDEX) != 0 && size >= 2) {
        size_t len = (size_t)data[0] << 8 | data[1];

        data += 2;
        size -= 2;
        len = len < size ? len : size;
        write_file(index_path, data, len);
        data += len;
        size -= len;
    }
    if ((flags & FLAG_NOISE) != 0 && size >= NOISE_BYTES) {
        size -= NOISE_BYTES;
        noise = data + size;
    }
    if ((flags & FLAG_FRAME) != 0)
        frame(&log, data, size);
    else
        bytes_put(&log, data, size);
    if (noise != NULL && log.len > 0)
        add_noise(&log, noise);
    write_file(log_path, log.at, log.len);
    bytes_done(&log);
    check();
    (void)unlink(log_path);
    return 0;
}
