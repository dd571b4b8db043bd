#include "server/config_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Takes a sign off the front. Returns whether it was a minus. */
static bool take_sign(const char **text)
{
    bool minus = **text == '-';

    if (minus || **text == '+')
        (*text)++;
    return minus;
}

static bool parse_digits(int64_t *ret, const char *text, int base, bool minus)
{
    int64_t v = 0; /* Kept negative: there is one more of those. */

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        int digit = digit_of(*text);
        if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_sub_overflow(v, digit, &v))
            return false;
    }
    if (!minus && v == INT64_MIN)
        return false;
    *ret = minus ? v : -v;
    return true;
}

bool java_parse_long(int64_t *ret, const char *text)
{
    bool minus = take_sign(&text);

    return parse_digits(ret, text, 10, minus);
}

bool java_decode_long(int64_t *ret, const char *text)
{
    bool minus = take_sign(&text);

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return parse_digits(ret, text + 2, 16, minus);
    if (text[0] == '#')
        return parse_digits(ret, text + 1, 16, minus);
    if (text[0] == '0' && text[1] != '\0')
        return parse_digits(ret, text + 1, 8, minus);
    return parse_digits(ret, text, 10, minus);
}

bool java_parse_double(double *ret, const char *text)
{
    char *end;

    if (text[strspn(text, "0123456789+-.eEdDfF")] != '\0')
        return false; /* Keeps out what only strtod knows. */
    errno = 0;
    double v = strtod(text, &end);
    if (end == text || !isfinite(v))
        return false;
    if (*end != '\0' && strchr("dDfF", *end) != NULL)
        end++;
    if (*end != '\0')
        return false;
    *ret = v;
    return true;
}

bool java_is_true(const char *text)
{
    return strcasecmp(text, "true") == 0;
}

bool java_is_false(const char *text)
{
    return strcasecmp(text, "false") == 0;
}
