/* The text of quota nodes (client-protocol 3.18), limits and usage alike:
 * "count=1,bytes=2", and "=;key=value" for each further key. */
#ifndef SERVER_TREE_QUOTA_TEXT_H
#define SERVER_TREE_QUOTA_TEXT_H

#include <stdbool.h>

#include "jute/codec.h"

enum {
    /* Distinct keys. Text with more is treated as text that does not parse: what it
     * costs to read is paid by every change below the quota. */
    QUOTA_KEYS_MAX = 16,
};

struct quota_pair {
    struct jute_bytes key; /* Borrowed from the text. */
    int64_t value;
};

struct quota_text {
    struct quota_pair pairs[QUOTA_KEYS_MAX];
    int count;
};

/* False when ZK could not read it either. */
bool quota_text_parse(struct quota_text *ret, struct jute_bytes text);
/* -1 when the key is missing. */
int64_t quota_text_get(const struct quota_text *q, const char *key);
/* False when there are too many keys. */
bool quota_text_set(struct quota_text *q, struct jute_bytes key, int64_t value);
/* Appends the text. */
void quota_text_write(const struct quota_text *q, struct bytes *out);

#endif
