/* Fuzz target of floor jute: every record, UTF-8 repair and frames.
 *
 * The first byte chooses what the rest is fed to: a record of jute_record_kinds, or
 * one of the two others behind them. Broken laws abort; a read beyond the bytes is
 * AddressSanitizer's to find. The laws of a record that was accepted:
 *   - writing it gives as many bytes as were read, and as its size says;
 *   - these read back whole, and write back the same;
 *   - they are the same bytes as came in, but for what reads loosely: a flag that is
 *     neither 0 nor 1, a vector's count below -1;
 *   - cut by its last byte, it is refused;
 *   - its text is bounded, and one line of printable bytes.
 *
 * clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I.
 *   tests/fuzz/fuzz_records.c (all of jute/) util/bytes.c util/check.c */
#include <stdlib.h>

#include "jute/frame.h"
#include "jute/kinds.h"
#include "jute/utf8.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longest text: the record with most vectors, each of which shows eight strings. */
enum { TEXT_BYTES_MAX = 64 * 1024 };

static void check_text(const struct jute_record_kind *kind, const union jute_any_record *r)
{
    struct bytes text = { 0 };

    kind->print(&text, r);
    zk_assert(text.len >= 2 && text.len < TEXT_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        zk_assert(text.at[i] >= ' ' && text.at[i] < 0x7f);
    bytes_done(&text);
}

static void check_cut_is_refused(const struct jute_record_kind *kind, const uint8_t *at, size_t len)
{
    uint8_t *exact = malloc(len);
    struct jute_in in = jute_in(exact, len);
    union jute_any_record r;

    zk_assert(exact != NULL || len == 0);
    if (len > 0)
        memcpy(exact, at, len);
    kind->read(&in, &r);
    zk_assert(in.bad);
    free(exact);
}

/* Loose bytes are rare, so equality is asked for only where rewriting changes nothing
 * in number: the differing bytes must be a true flag or part of a count. */
static void check_bytes_agree(const struct bytes *wrote, const uint8_t *read)
{
    for (size_t i = 0; i < wrote->len; i++) {
        if (wrote->at[i] == read[i])
            continue;
        zk_assert(wrote->at[i] == 0 || wrote->at[i] == 1);
        zk_assert(read[i] != 0);
    }
}

static void fuzz_record(const struct jute_record_kind *kind, const uint8_t *data, size_t size)
{
    struct jute_in in = jute_in(data, size);
    struct bytes first = { 0 };
    struct bytes second = { 0 };
    union jute_any_record r;

    kind->read(&in, &r);
    if (in.bad)
        return;

    size_t len = size - jute_left(&in);

    check_cut_is_refused(kind, data, len - 1);
    check_text(kind, &r);
    kind->write(&first, &r);
    zk_assert(first.len == len);
    zk_assert(kind->size(&r) == len);
    check_bytes_agree(&first, data);

    in = jute_in(first.at, first.len);
    kind->read(&in, &r);
    zk_assert(!in.bad);
    zk_assert(jute_left(&in) == 0);
    kind->write(&second, &r);
    zk_assert(second.len == first.len);
    zk_assert(memcmp(second.at, first.at, first.len) == 0);
    bytes_done(&second);
    bytes_done(&first);
}

static void fuzz_utf8(const uint8_t *data, size_t size)
{
    struct bytes once = { 0 };
    struct bytes twice = { 0 };

    utf8_repair(&once, data, size);
    zk_assert(once.len <= 3 * size);
    zk_assert(utf8_is_valid(once.at, once.len));
    if (utf8_is_valid(data, size))
        zk_assert(once.len == size && (size == 0 || memcmp(once.at, data, size) == 0));
    utf8_repair(&twice, once.at, once.len);
    zk_assert(twice.len == once.len && (once.len == 0 || memcmp(twice.at, once.at, once.len) == 0));
    bytes_done(&twice);
    bytes_done(&once);
}

/* A limit that small inputs can reach. */
static void fuzz_frames(const uint8_t *data, size_t size)
{
    const size_t limit = 64;
    struct jute_frame frame;
    enum jute_frame_state state;

    while ((state = jute_frame_look(&frame, data, size, limit)) == JUTE_FRAME_WHOLE) {
        zk_assert(frame.body == data + 4);
        zk_assert(frame.len <= limit && frame.wanted == frame.len + 4 && frame.wanted <= size);
        data += frame.wanted;
        size -= frame.wanted;
    }
    if (state == JUTE_FRAME_MORE)
        zk_assert(frame.wanted > size && frame.wanted <= limit + 4);
    else
        zk_assert(size >= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    size_t choice = data[0] % (JUTE_KIND_COUNT + 2);

    if (choice < JUTE_KIND_COUNT)
        fuzz_record(&jute_record_kinds[choice], data + 1, size - 1);
    else if (choice == JUTE_KIND_COUNT)
        fuzz_utf8(data + 1, size - 1);
    else
        fuzz_frames(data + 1, size - 1);
    return 0;
}
