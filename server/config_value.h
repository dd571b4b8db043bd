/* Numbers and truth values as the classes of Java's library read them. */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* Long.parseLong: a sign, then decimal digits. False when it is anything else or
 * does not fit; *ret is left alone then, here and below. */
bool java_parse_long(int64_t *ret, const char *text);

/* Long.decode: also 0x, 0X and # for hexadecimal, 0 for octal. */
bool java_decode_long(int64_t *ret, const char *text);

/* Double.parseDouble, but for hexadecimal, infinite and not-a-number values, which
 * no key of ours wants. */
bool java_parse_double(double *ret, const char *text);

/* Whether it reads true, or false, in any case. */
bool java_is_true(const char *text);
bool java_is_false(const char *text);

#endif
