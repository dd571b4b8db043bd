/* Numbers for people. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdint.h>

#include "util/bytes.h"

/* 1,234,567 */
void text_count(struct bytes *out, uint64_t count);
/* Milliseconds, with three digits behind the point, fewer where they mean little. */
void text_ms(struct bytes *out, uint64_t ns);
/* What was appended since `begin` is moved to the right end of so many columns. */
void text_right(struct bytes *out, size_t begin, size_t columns);

#endif
