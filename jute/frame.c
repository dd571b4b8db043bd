#include "jute/frame.h"

#include "util/check.h"

enum { PREFIX_BYTES = 4 };

enum jute_frame_state jute_frame_look(struct jute_frame *ret, const uint8_t *at, size_t have,
                                      size_t bytes_max)
{
    *ret = (struct jute_frame){ .wanted = PREFIX_BYTES };
    if (have < PREFIX_BYTES)
        return JUTE_FRAME_MORE;

    uint32_t len = jute_load32(at);

    if (len > INT32_MAX || len > bytes_max) {
        ret->wanted = 0;
        return JUTE_FRAME_BAD;
    }
    ret->wanted = PREFIX_BYTES + (size_t)len;
    if (have < ret->wanted)
        return JUTE_FRAME_MORE;
    ret->body = at + PREFIX_BYTES;
    ret->len = len;
    return JUTE_FRAME_WHOLE;
}

size_t jute_frame_begin(struct bytes *out)
{
    size_t begin = out->len;

    (void)bytes_room(out, PREFIX_BYTES);
    bytes_added(out, PREFIX_BYTES);
    return begin;
}

void jute_frame_end(struct bytes *out, size_t begin)
{
    zk_assert(out->len >= begin + PREFIX_BYTES);

    size_t len = out->len - begin - PREFIX_BYTES;

    zk_assert(len <= INT32_MAX);
    (void)jute_store32(out->at + begin, (uint32_t)len);
}
