/* Jute's primitives: big-endian, no tags, no alignment (client-protocol 1.2).
 *
 * Reading borrows: nothing is copied, bytes read stay owned by the frame and are
 * not NUL-terminated. After the first error every read yields zero, so a decoder
 * is straight-line code and asks once, at the end, whether it held (in->bad).
 * Writing appends to a struct bytes, or to a buffer that was sized beforehand. */
#ifndef JUTE_CODEC_H
#define JUTE_CODEC_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/bytes.h"

/* A jute buffer or ustring. len -1 is null, which differs from empty (0). */
struct jute_bytes {
    const uint8_t *at;
    int32_t len;
};

struct jute_in {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct jute_in jute_in(const void *at, size_t len)
{
    const uint8_t *p = at;

    /* Not even 0 may be added to NULL. */
    return (struct jute_in){ .at = p, .end = len > 0 ? p + len : p };
}

static inline size_t jute_left(const struct jute_in *in)
{
    return (size_t)(in->end - in->at);
}

static inline uint32_t jute_load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static inline uint64_t jute_load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static inline uint8_t *jute_store32(uint8_t *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *jute_store64(uint8_t *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

/* Takes `count` bytes, or NULL and in->bad when fewer are left. */
static inline const uint8_t *jute_take(struct jute_in *in, size_t count)
{
    const uint8_t *p = in->at;

    if (__builtin_expect(in->bad || jute_left(in) < count, 0)) {
        in->bad = true;
        return NULL;
    }
    in->at += count;
    return p;
}

static inline void jute_read_i32(struct jute_in *in, int32_t *ret)
{
    const uint8_t *p = jute_take(in, 4);

    *ret = p != NULL ? (int32_t)jute_load32(p) : 0;
}

static inline void jute_read_i64(struct jute_in *in, int64_t *ret)
{
    const uint8_t *p = jute_take(in, 8);

    *ret = p != NULL ? (int64_t)jute_load64(p) : 0;
}

/* Any byte but 0 is true. */
static inline void jute_read_flag(struct jute_in *in, bool *ret)
{
    const uint8_t *p = jute_take(in, 1);

    *ret = p != NULL && *p != 0;
}

static inline void jute_read_buf(struct jute_in *in, struct jute_bytes *ret)
{
    int32_t len;

    jute_read_i32(in, &len);
    if (len < -1) /* -1 is null; anything below is a lie. */
        in->bad = true;

    const uint8_t *p = len > 0 ? jute_take(in, (size_t)len) : NULL;

    *ret = (struct jute_bytes){ .at = p, .len = in->bad ? -1 : len };
}

static inline void jute_read_str(struct jute_in *in, struct jute_bytes *ret)
{
    jute_read_buf(in, ret);
}

static inline void jute_write_i32(struct bytes *out, int32_t v)
{
    (void)jute_store32(bytes_room(out, 4), (uint32_t)v);
    bytes_added(out, 4);
}

static inline void jute_write_i64(struct bytes *out, int64_t v)
{
    (void)jute_store64(bytes_room(out, 8), (uint64_t)v);
    bytes_added(out, 8);
}

static inline void jute_write_flag(struct bytes *out, bool v)
{
    *bytes_room(out, 1) = v ? 1 : 0;
    bytes_added(out, 1);
}

static inline void jute_write_buf(struct bytes *out, struct jute_bytes v)
{
    jute_write_i32(out, v.len);
    if (v.len > 0)
        bytes_put(out, v.at, (size_t)v.len);
}

static inline void jute_write_str(struct bytes *out, struct jute_bytes v)
{
    jute_write_buf(out, v);
}

/* Bytes that v takes on the wire. */
static inline size_t jute_size_buf(struct jute_bytes v)
{
    return 4 + (v.len > 0 ? (size_t)v.len : 0);
}

static inline bool jute_bytes_equal(struct jute_bytes a, struct jute_bytes b)
{
    return a.len == b.len &&
           (a.len <= 0 || a.at == b.at ||
            (a.at != NULL && b.at != NULL && memcmp(a.at, b.at, (size_t)a.len) == 0));
}

static inline struct jute_bytes jute_text(const char *s)
{
    return (struct jute_bytes){ .at = (const uint8_t *)s, .len = (int32_t)strlen(s) };
}

static inline bool jute_is_text(struct jute_bytes b, const char *s)
{
    return jute_bytes_equal(b, jute_text(s));
}

/* ---- Vectors: validated once when the record is read, then walked in place. */

/* vector<T> as it lies in the frame. count -1 is null. `at` is the first element,
 * `len` the bytes of all elements. Reading a record checks every element, so the
 * walks below cannot fail on a vector that a reader accepted. A count may not
 * exceed the bytes that remain; counts below -1 read as empty (as ZK does). */
struct jute_vector {
    const uint8_t *at;
    size_t len;
    int32_t count;
};

struct jute_acl {
    int32_t perms;
    struct jute_bytes scheme, id;
};

/* Readers of vector<ustring> and vector<ACL> (int perms, ustring scheme, ustring id). */
void jute_read_strs(struct jute_in *in, struct jute_vector *ret);
void jute_read_acls(struct jute_in *in, struct jute_vector *ret);

/* Writes count and elements as they are. */
void jute_write_strs(struct bytes *out, struct jute_vector v);
void jute_write_acls(struct bytes *out, struct jute_vector v);

/* Walks: start with jute_in(v.at, v.len), call until false. */
bool jute_next_str(struct jute_in *walk, struct jute_bytes *ret);
bool jute_next_acl(struct jute_in *walk, struct jute_acl *ret);

/* An identity: vector<Id> of a forwarded request, vector<ClientInfo> of whoAmI. */
struct jute_id {
    struct jute_bytes scheme, id;
};

/* One operation of a multi txn: its type and its record, unparsed. */
struct jute_txn {
    int32_t type;
    struct jute_bytes record;
};

/* The same for vector<Id> and for the vector<Txn> of a multi. */
void jute_read_ids(struct jute_in *in, struct jute_vector *ret);
void jute_read_txns(struct jute_in *in, struct jute_vector *ret);
void jute_write_ids(struct bytes *out, struct jute_vector v);
void jute_write_txns(struct bytes *out, struct jute_vector v);
bool jute_next_id(struct jute_in *walk, struct jute_id *ret);
bool jute_next_txn(struct jute_in *walk, struct jute_txn *ret);

/* Single elements, for building a vector (a string is written by jute_write_str()). */
void jute_write_acl(struct bytes *out, struct jute_acl v);
void jute_write_id(struct bytes *out, struct jute_id v);
void jute_write_txn(struct bytes *out, struct jute_txn v);

/* `count` elements that were written to `elements`, which must outlive the vector
 * and must not grow while it is in use. */
static inline struct jute_vector jute_vector_of(const struct bytes *elements, int32_t count)
{
    return (struct jute_vector){ .at = elements->at, .len = elements->len, .count = count };
}

static inline struct jute_in jute_walk(struct jute_vector v)
{
    return jute_in(v.at, v.len);
}

/* For a record inside a buffer, such as that of a struct jute_txn. In a null buffer
 * there is nothing to read, as in an empty one. */
static inline struct jute_in jute_inside(struct jute_bytes v)
{
    return jute_in(v.at, v.len > 0 ? (size_t)v.len : 0);
}

#endif
