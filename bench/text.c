#include "bench/text.h"

#include <inttypes.h>

void text_count(struct bytes *out, uint64_t count)
{
    uint64_t unit = 1;

    while (count / unit >= 1000)
        unit *= 1000;
    bytes_printf(out, "%" PRIu64, count / unit);
    for (unit /= 1000; unit > 0; unit /= 1000)
        bytes_printf(out, ",%03" PRIu64, count / unit % 1000);
}

void text_ms(struct bytes *out, uint64_t ns)
{
    double ms = (double)ns / 1e6;
    int digits = ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0;

    bytes_printf(out, "%.*f", digits, ms);
}

void text_right(struct bytes *out, size_t begin, size_t columns)
{
    size_t len = out->len - begin;

    if (len >= columns)
        return;

    size_t more = columns - len;

    (void)bytes_room(out, more);
    memmove(out->at + begin + more, out->at + begin, len);
    memset(out->at + begin, ' ', more);
    bytes_added(out, more);
}
