/* A block is a varint, the uncompressed length, then elements. The low two bits of an
 * element's first byte say what it is: literal bytes, or a copy of bytes that came out
 * before (google/snappy, format_description.txt). */
#include "server/store/snappy.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct block {
    const uint8_t *at, *end;
    uint8_t *out;
    size_t out_len, want;
};

static size_t left(const struct block *b)
{
    return (size_t)(b->end - b->at);
}

/* Little-endian, `count` of 1 to 4 bytes; the caller checked that they are there. */
static uint32_t take_le(struct block *b, size_t count)
{
    uint32_t v = 0;

    for (size_t i = 0; i < count; i++)
        v |= (uint32_t)*b->at++ << (8 * i);
    return v;
}

static bool read_length(struct block *b, uint32_t *ret)
{
    uint32_t v = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (left(b) == 0)
            return false;

        uint8_t byte = *b->at++;

        if (shift == 28 && byte > 0x0f) /* Beyond 32 bits. */
            return false;
        v |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool put_literal(struct block *b, uint8_t tag)
{
    size_t len = tag >> 2;

    if (len >= 60) { /* 60 to 63: the length is in the next 1 to 4 bytes. */
        size_t extra = len - 59;

        if (left(b) < extra)
            return false;
        len = take_le(b, extra);
    }
    len += 1;
    if (left(b) < len || b->want - b->out_len < len)
        return false;
    memcpy(b->out + b->out_len, b->at, len);
    b->at += len;
    b->out_len += len;
    return true;
}

static bool put_copy(struct block *b, uint8_t tag)
{
    static const uint8_t extra[] = { 0, 1, 2, 4 };
    size_t count = extra[tag & 3];
    size_t len = (size_t)(tag >> 2) + 1;
    size_t offset;

    if (left(b) < count)
        return false;
    offset = take_le(b, count);
    if ((tag & 3) == 1) { /* 3 bits of length, 11 of offset. */
        len = (size_t)(tag >> 2 & 7) + 4;
        offset |= (size_t)(tag >> 5) << 8;
    }
    if (offset == 0 || offset > b->out_len || b->want - b->out_len < len)
        return false;
    /* Byte by byte: a copy may overlap what it makes. */
    for (size_t i = 0; i < len; i++) {
        b->out[b->out_len] = b->out[b->out_len - offset];
        b->out_len++;
    }
    return true;
}

int64_t snappy_decode(uint8_t *ret, size_t cap, const uint8_t *at, size_t len)
{
    struct block b = { .at = at, .end = at + len, .out = ret };
    uint32_t want;

    if (!read_length(&b, &want) || want > cap)
        return -EBADMSG;
    b.want = want;
    while (left(&b) > 0) {
        uint8_t tag = *b.at++;

        if (!((tag & 3) == 0 ? put_literal(&b, tag) : put_copy(&b, tag)))
            return -EBADMSG;
    }
    return b.out_len == b.want ? (int64_t)b.out_len : -EBADMSG;
}
