#include "util/properties.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/check.h"

struct parser {
    const uint8_t *at, *end;
    int line;     /* Of *at. */
    uint8_t *row; /* The logical line at hand, escapes still in it. */
    size_t row_len;
    int row_line; /* Where it began. */
    char *out;    /* Next free byte of the text. */
    struct properties found;
    struct properties_error *err;
};

static bool is_blank(unsigned c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(unsigned c)
{
    return c == '\r' || c == '\n';
}

static int fail(struct parser *p, int errnum, const char *text)
{
    p->err->line = p->row_line;
    (void)snprintf(p->err->text, sizeof p->err->text, "%s", text);
    return errnum;
}

/* Steps over one line end: \n, \r or \r\n. */
static void take_line_end(struct parser *p)
{
    if (*p->at == '\r' && p->end - p->at > 1 && p->at[1] == '\n')
        p->at++;
    p->at++;
    p->line++;
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && is_blank(*p->at))
        p->at++;
}

/* Skips a comment, or a line end. Returns false when neither is here. */
static bool skip_empty(struct parser *p)
{
    if (is_line_end(*p->at)) {
        take_line_end(p);
        return true;
    }
    if (*p->at != '#' && *p->at != '!')
        return false;
    while (p->at < p->end && !is_line_end(*p->at))
        p->at++;
    return true;
}

/* Adds what is left of the natural line to the row. Returns whether a backslash
 * continues it on the next one. */
static bool take_natural_line(struct parser *p)
{
    bool escaped = false;

    while (p->at < p->end && !is_line_end(*p->at)) {
        p->row[p->row_len++] = *p->at;
        escaped = *p->at == '\\' && !escaped;
        p->at++;
    }
    if (escaped)
        p->row_len--;
    if (p->at < p->end)
        take_line_end(p);
    return escaped;
}

/* Collects the next logical line. Returns false at the end of the input.
 * An odd corner is Java's: while the row is still empty, a continued line may turn
 * out to be blank or a comment, and is skipped like any other. */
static bool next_row(struct parser *p)
{
    bool continued = false;

    p->row_len = 0;
    while (p->at < p->end) {
        skip_blanks(p);
        if (p->at == p->end)
            break;
        if (p->row_len == 0 && skip_empty(p)) {
            continued = false;
            continue;
        }
        if (!continued || p->row_len == 0)
            p->row_line = p->line;
        continued = take_natural_line(p);
        if (!continued && p->row_len > 0)
            return true;
    }
    return p->row_len > 0;
}

static void put_utf8(struct parser *p, uint32_t c)
{
    if (c < 0x80) {
        *p->out++ = (char)c;
    } else if (c < 0x800) {
        *p->out++ = (char)(0xc0 | c >> 6);
        *p->out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *p->out++ = (char)(0xe0 | c >> 12);
        *p->out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p->out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *p->out++ = (char)(0xf0 | c >> 18);
        *p->out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *p->out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p->out++ = (char)(0x80 | (c & 0x3f));
    }
}

static int hex_digit(unsigned c)
{
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (int)(c - 'A') + 10;
    return -1;
}

/* Reads "XXXX". Returns -1 when it is not there. */
static int32_t take_unit(const uint8_t **at, const uint8_t *end)
{
    int32_t unit = 0;

    if (end - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit((*at)[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    *at += 4;
    return unit;
}

/* What follows "\u". Java keeps UTF-16 units; a pair of them is one character here. */
static int take_unicode(struct parser *p, const uint8_t **at, const uint8_t *end)
{
    int32_t unit = take_unit(at, end);

    if (unit < 0)
        return fail(p, -EINVAL, "\\u must be followed by four hexadecimal digits");
    if (unit < 0xd800 || unit > 0xdfff) {
        put_utf8(p, (uint32_t)unit);
        return 0;
    }
    int32_t low = -1;
    if (unit < 0xdc00 && end - *at >= 2 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        *at += 2;
        low = take_unit(at, end);
    }
    if (low < 0xdc00 || low > 0xdfff)
        return fail(p, -EINVAL, "\\u names half a character (an unpaired surrogate)");
    put_utf8(p, 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return 0;
}

static unsigned unescape(unsigned c)
{
    switch (c) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 'f':
        return '\f';
    default:
        return c; /* Any other character stands for itself. */
    }
}

/* Takes the characters up to ' ' off both ends (Java's String.trim), terminates the
 * text and looks at what is left. */
static int finish_text(struct parser *p, char **start)
{
    while (*start < p->out && (unsigned char)**start <= ' ')
        (*start)++;
    while (p->out > *start && (unsigned char)p->out[-1] <= ' ')
        p->out--;
    for (const char *c = *start; c < p->out; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return fail(p, -EINVAL, "a control character is not allowed here");
    *p->out++ = '\0';
    return 0;
}

/* Resolves the escapes of a key or value into the text. */
static int put_text(struct parser *p, const char **ret, const uint8_t *at, const uint8_t *end)
{
    char *start = p->out;

    while (at < end) {
        unsigned c = *at++;
        if (c != '\\' || at == end) {
            put_utf8(p, c);
            continue;
        }
        c = *at++;
        if (c != 'u') {
            put_utf8(p, unescape(c));
            continue;
        }
        int r = take_unicode(p, &at, end);
        if (r < 0)
            return r;
    }
    int r = finish_text(p, &start);
    *ret = start;
    return r;
}

/* Returns the length of the key, still escaped: up to a separator without a
 * backslash before it. */
static size_t key_len(const uint8_t *row, size_t len)
{
    bool escaped = false;
    size_t i = 0;

    for (; i < len; i++) {
        if (!escaped && (row[i] == '=' || row[i] == ':' || is_blank(row[i])))
            break;
        escaped = row[i] == '\\' && !escaped;
    }
    return i;
}

/* Returns where the value begins: after blanks and at most one = or :. */
static size_t value_start(const uint8_t *row, size_t len, size_t from)
{
    bool separated = false;

    for (; from < len; from++) {
        if (is_blank(row[from]))
            continue;
        if (separated || (row[from] != '=' && row[from] != ':'))
            break;
        separated = true;
    }
    return from;
}

static bool has_high_byte(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] >= 0x80)
            return true;
    return false;
}

static int take_row(struct parser *p)
{
    if (p->found.count == PROPERTIES_MAX_KEYS)
        return fail(p, -E2BIG, "more keys than a configuration may have");

    struct property *item = &p->found.items[p->found.count];
    size_t len = key_len(p->row, p->row_len);
    size_t from = value_start(p->row, p->row_len, len);

    *item = (struct property){
        .line = p->row_line,
        .is_latin1 = has_high_byte(p->row, p->row_len),
    };
    int r = put_text(p, &item->key, p->row, p->row + len);
    if (r == 0)
        r = put_text(p, &item->value, p->row + from, p->row + p->row_len);
    if (r == 0)
        p->found.count++;
    return r;
}

int properties_parse(struct properties *ret, struct properties_error *err, const void *at,
                     size_t len)
{
    static const uint8_t byte_order_mark[] = { 0xef, 0xbb, 0xbf };
    struct parser p = { .at = at, .line = 1, .err = err };

    zk_assert(ret != NULL && err != NULL);
    *err = (struct properties_error){ 0 };
    if (len > PROPERTIES_MAX_BYTES)
        return fail(&p, -E2BIG, "larger than a configuration may be");
    if (len >= sizeof byte_order_mark && memcmp(at, byte_order_mark, 3) == 0) {
        p.at += sizeof byte_order_mark;
        len -= sizeof byte_order_mark;
    }
    if (len == 0) {
        *ret = (struct properties){ 0 };
        return 0;
    }
    p.end = p.at + len;
    p.row = zk_xmalloc(len);
    /* A byte becomes at most two of UTF-8, an escape less than it takes; of the two
     * NULs one stands for the separator, the other for the line end, which the last
     * line may lack. */
    p.found.text = zk_xmalloc(2 * len + 2);
    p.out = p.found.text;
    p.found.items = zk_xcalloc(PROPERTIES_MAX_KEYS, sizeof *p.found.items);

    int r = 0;
    while (r == 0 && next_row(&p))
        r = take_row(&p);
    free(p.row);
    if (r < 0)
        properties_done(&p.found);
    else
        *ret = p.found;
    return r;
}

int properties_read(struct properties *ret, struct properties_error *err, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct bytes all = { 0 };
    int r = fd < 0 ? -errno : bytes_read_all(&all, fd, PROPERTIES_MAX_BYTES);

    if (fd >= 0)
        (void)close(fd);
    if (r == -EFBIG)
        r = 0; /* The parser will say so. */
    if (r < 0) {
        *err = (struct properties_error){ 0 };
        (void)snprintf(err->text, sizeof err->text, "cannot be read: %s", strerror(-r));
    } else {
        r = properties_parse(ret, err, all.at != NULL ? all.at : (const uint8_t *)"", all.len);
    }
    bytes_done(&all);
    return r;
}

void properties_done(struct properties *p)
{
    free(p->items);
    free(p->text);
    *p = (struct properties){ 0 };
}
