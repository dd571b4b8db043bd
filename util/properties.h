/* Java's .properties syntax, as ZooKeeper reads zoo.cfg: `key=value`, `key:value` or
 * `key value`, comments with # and !, backslash escapes, a backslash at the end of a
 * line continues it. Keys and values lose blanks at both ends.
 *
 * Java reads the bytes as ISO-8859-1; so do we, and hand out UTF-8. The bytes may be
 * anything: what has no meaning (a bad \u escape, half a surrogate pair, a control
 * character in a key or value) is an error with its line. A backslash that ends the
 * input gives no key here; in Java it gives an empty one. */
#ifndef UTIL_PROPERTIES_H
#define UTIL_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>

/* More is refused: no configuration comes near them. */
enum {
    PROPERTIES_MAX_BYTES = 1024 * 1024,
    PROPERTIES_MAX_KEYS = 1024,
};

struct property {
    const char *key;
    const char *value; /* "" when the line has only a key. */
    int line;          /* Where it begins, from 1. */
    bool is_latin1;    /* Some byte was above 0x7f. */
};

struct properties {
    struct property *items; /* In the order of the file; equal keys stay apart. */
    size_t count;
    char *text; /* Holds all keys and values. */
};

struct properties_error {
    int line; /* 0: no particular line. */
    char text[96];
};

/* Returns 0 and sets *ret, or -EINVAL (syntax) or -E2BIG (a limit) and sets *err. Free
 * with properties_done(). */
int properties_parse(struct properties *ret, struct properties_error *err, const void *at,
                     size_t len);

/* Reads the file at `path` up to the limit. Also returns what open and read return. */
int properties_read(struct properties *ret, struct properties_error *err, const char *path);

/* Leaves an empty set. */
void properties_done(struct properties *p);

#endif
