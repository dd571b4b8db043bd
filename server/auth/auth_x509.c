/* Distinguished names as Java's X500Principal reads them from text: attributes by a known
 * keyword or an object id, parted by `,` or `;` (or `+` within one level), values plain
 * with escapes, in quotes, or in hex behind `#`. Only asked about ids in ACLs. */
#include "server/auth/auth_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const char *const keywords[] = {
    "CN",           "C",        "L",          "S",
    "ST",           "O",        "OU",         "T",
    "IP",           "STREET",   "DC",         "DNQUALIFIER",
    "DNQ",          "UID",      "EMAIL",      "SURNAME",
    "GIVENNAME",    "INITIALS", "GENERATION", "EMAILADDRESS",
    "SERIALNUMBER",
};

struct cursor {
    const uint8_t *at, *end;
};

static bool is_end(const struct cursor *c)
{
    return c->at == c->end || *c->at == ',' || *c->at == ';' || *c->at == '+';
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n'))
        c->at++;
}

/* Numbers parted by single dots, at least two: 0 to 2, then below 40 unless behind a 2. */
static bool is_object_id(const char *s)
{
    int groups = 0;
    long first = 0;

    for (;;) {
        if (!isdigit((unsigned char)*s))
            return false;

        char *end;
        long v = strtol(s, &end, 10); /* Too long a number comes out as a large one. */

        if ((groups == 0 && v > 2) || (groups == 1 && first < 2 && v >= 40))
            return false;
        first = groups == 0 ? v : first;
        s = end;
        groups++;
        if (*s == '\0')
            return groups >= 2;
        if (*s++ != '.')
            return false;
    }
}

static bool read_keyword(struct cursor *c)
{
    char word[64];
    size_t len = 0;

    skip_blanks(c);
    while (c->at < c->end && *c->at != '=') {
        if (len == sizeof word - 1)
            return false;
        word[len++] = (char)*c->at++;
    }
    if (c->at == c->end)
        return false;
    c->at++;
    while (len > 0 && word[len - 1] == ' ')
        len--;
    word[len] = '\0';
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcasecmp(word, keywords[i]) == 0)
            return true;
    return is_object_id(strncasecmp(word, "OID.", 4) == 0 ? word + 4 : word);
}

/* The encoding of one value: a tag, its length (one byte here), so many bytes. */
static bool read_hex(struct cursor *c)
{
    char length[3] = "";
    size_t digits = 0;

    for (; !is_end(c); c->at++, digits++) {
        if (!isxdigit(*c->at))
            return false;
        if (digits == 2 || digits == 3)
            length[digits - 2] = (char)*c->at;
    }
    return digits >= 4 && digits % 2 == 0 && strtoul(length, NULL, 16) == digits / 2 - 2;
}

static bool is_special(uint8_t b)
{
    static const uint8_t special[] = { ',', '=', '\n', '+', '<', '>', '#', ';', '\\', '"', ' ' };

    return memchr(special, b, sizeof special) != NULL;
}

/* Behind a backslash: a special character, or two hex digits. */
static bool read_escape(struct cursor *c)
{
    if (c->at == c->end)
        return false;
    if (is_special(*c->at)) {
        c->at++;
        return true;
    }
    if (c->end - c->at < 2 || !isxdigit(c->at[0]) || !isxdigit(c->at[1]))
        return false;
    c->at += 2;
    return true;
}

static bool read_quoted(struct cursor *c)
{
    while (c->at < c->end && *c->at != '"')
        if (*c->at++ == '\\' && !read_escape(c))
            return false;
    if (c->at == c->end)
        return false;
    c->at++;
    skip_blanks(c);
    return true;
}

static bool read_plain(struct cursor *c)
{
    while (!is_end(c)) {
        uint8_t b = *c->at++;

        if (b == '<' || b == '>' || b == '"' || (b == '\\' && !read_escape(c)))
            return false;
    }
    return true;
}

static bool read_value(struct cursor *c)
{
    skip_blanks(c);
    if (is_end(c))
        return true;
    if (*c->at == '#' || *c->at == '"') {
        bool is_hex = *c->at++ == '#';

        if (!(is_hex ? read_hex(c) : read_quoted(c)))
            return false;
        return is_end(c);
    }
    return read_plain(c);
}

bool auth_x509_is_valid(struct jute_bytes id)
{
    struct cursor c = { .at = id.at, .end = id.at + (id.len > 0 ? id.len : 0) };

    if (id.len <= 0)
        return id.len == 0; /* The empty name is a name. */
    for (;;) {
        if (!read_keyword(&c) || !read_value(&c))
            return false;
        if (c.at == c.end)
            return true;
        c.at++;
    }
}
