/* The printers: one bounded line of text a record, for logs, tools and traces of
 * tests. Bytes come from clients and files, so nothing is shown that could break
 * a line or a terminal, and nothing that is secret. */
#include "jute/records.h"

#include <inttypes.h>

#include "jute/limits.h"

static void print_i32(struct bytes *out, int32_t v)
{
    bytes_printf(out, "%" PRId32, v);
}

static void print_i64(struct bytes *out, int64_t v)
{
    bytes_printf(out, "%" PRId64, v);
}

static void print_hex(struct bytes *out, int64_t v)
{
    bytes_printf(out, "0x%" PRIx64, (uint64_t)v);
}

static void print_flag(struct bytes *out, bool v)
{
    bytes_printf(out, v ? "true" : "false");
}

/* Spaces and brackets are escaped too: a field must not look like two. Bytes from
 * 0x80 up are escaped, since they may be no UTF-8. */
static void print_byte(struct bytes *out, uint8_t c)
{
    if (c > ' ' && c < 0x7f && strchr("\\[]{}", c) == NULL)
        bytes_put(out, &c, 1);
    else
        bytes_printf(out, "\\x%02x", c);
}

/* At most JUTE_PRINT_STR_MAX bytes, then the full length: `/aaa..(5000)`. */
static void print_str(struct bytes *out, struct jute_bytes v)
{
    if (v.len < 0) {
        bytes_printf(out, "null");
        return;
    }

    int32_t shown = v.len < JUTE_PRINT_STR_MAX ? v.len : JUTE_PRINT_STR_MAX;

    for (int32_t i = 0; i < shown; i++)
        print_byte(out, v.at[i]);
    if (shown < v.len)
        bytes_printf(out, "..(%" PRId32 ")", v.len);
}

/* The length and the first bytes in hex: `5:68656c6c6f`, `4096:00010203..`. */
static void print_buf(struct bytes *out, struct jute_bytes v)
{
    if (v.len < 0) {
        bytes_printf(out, "null");
        return;
    }

    int32_t shown = v.len < JUTE_PRINT_BUF_MAX ? v.len : JUTE_PRINT_BUF_MAX;

    bytes_printf(out, "%" PRId32 ":", v.len);
    for (int32_t i = 0; i < shown; i++)
        bytes_printf(out, "%02x", v.at[i]);
    if (shown < v.len)
        bytes_printf(out, "..");
}

static void print_secret(struct bytes *out, struct jute_bytes v)
{
    if (v.len < 0)
        bytes_printf(out, "null");
    else
        bytes_printf(out, "%" PRId32 ":secret", v.len);
}

/* scheme:id. Of a digest id, `user:hash`, the hash stays out: it can be guessed at. */
static void print_identity(struct bytes *out, struct jute_bytes scheme, struct jute_bytes id)
{
    const uint8_t *colon = NULL;

    print_str(out, scheme);
    bytes_printf(out, ":");
    if (id.len > 0 && jute_is_text(scheme, "digest"))
        colon = memchr(id.at, ':', (size_t)id.len);
    if (colon != NULL) {
        print_str(out, (struct jute_bytes){ .at = id.at, .len = (int32_t)(colon - id.at) });
        bytes_printf(out, ":secret");
    } else {
        print_str(out, id);
    }
}

/* Goes before each element but the first. Returns whether the element, of which
 * there is one more, is still to be shown. */
static bool print_element_begin(struct bytes *out, struct jute_vector v, int32_t index)
{
    if (index == JUTE_PRINT_ELEMENTS_MAX) {
        bytes_printf(out, " ..(%" PRId32 ")", v.count);
        return false;
    }
    if (index > 0)
        bytes_printf(out, " ");
    return true;
}

static bool print_vector_begin(struct bytes *out, struct jute_vector v)
{
    bytes_printf(out, v.count < 0 ? "null" : "[");
    return v.count >= 0;
}

static void print_strs(struct bytes *out, struct jute_vector v)
{
    struct jute_in walk = jute_walk(v);
    struct jute_bytes str;

    if (!print_vector_begin(out, v))
        return;
    for (int32_t i = 0; jute_next_str(&walk, &str) && print_element_begin(out, v, i); i++)
        print_str(out, str);
    bytes_printf(out, "]");
}

static void print_acls(struct bytes *out, struct jute_vector v)
{
    struct jute_in walk = jute_walk(v);
    struct jute_acl acl;

    if (!print_vector_begin(out, v))
        return;
    for (int32_t i = 0; jute_next_acl(&walk, &acl) && print_element_begin(out, v, i); i++) {
        bytes_printf(out, "%" PRId32 ":", acl.perms);
        print_identity(out, acl.scheme, acl.id);
    }
    bytes_printf(out, "]");
}

static void print_ids(struct bytes *out, struct jute_vector v)
{
    struct jute_in walk = jute_walk(v);
    struct jute_id id;

    if (!print_vector_begin(out, v))
        return;
    for (int32_t i = 0; jute_next_id(&walk, &id) && print_element_begin(out, v, i); i++)
        print_identity(out, id.scheme, id.id);
    bytes_printf(out, "]");
}

static void print_txns(struct bytes *out, struct jute_vector v)
{
    struct jute_in walk = jute_walk(v);
    struct jute_txn txn;

    if (!print_vector_begin(out, v))
        return;
    for (int32_t i = 0; jute_next_txn(&walk, &txn) && print_element_begin(out, v, i); i++) {
        bytes_printf(out, "%" PRId32 ":", txn.type);
        print_buf(out, txn.record);
    }
    bytes_printf(out, "]");
}

static void print_zk_stat(struct bytes *out, const struct zk_stat *r)
{
    jute_print_zk_stat(out, r);
}

static void print_stat_persisted(struct bytes *out, const struct stat_persisted *r)
{
    jute_print_stat_persisted(out, r);
}

static void print_name(struct bytes *out, const char *name)
{
    bytes_printf(out, out->at[out->len - 1] == '{' ? "%s=" : " %s=", name);
}

#define FIELD_PRINT(type, name) \
    print_name(out, #name);     \
    print_##type(out, JUTE_ARG_##type(r->name));

#define DEFINE_PRINTER(name, LIST)                                  \
    void jute_print_##name(struct bytes *out, const struct name *r) \
    {                                                               \
        bytes_printf(out, "{");                                     \
        LIST(FIELD_PRINT)                                           \
        bytes_printf(out, "}");                                     \
    }

JUTE_RECORDS(DEFINE_PRINTER)
