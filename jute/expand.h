/* How one field list becomes a struct, a reader, a writer and a size. Included by
 * jute/records.h only; the lists and the contract are there.
 *
 * A field type T is: the C type JUTE_C_T, jute_read_T(in, *), jute_store_T(p, v)
 * and jute_size_T(v). A nested record is passed by address, all else by value:
 * JUTE_ARG_T says which. Printers are expanded in jute/records.c. */
#ifndef JUTE_EXPAND_H
#define JUTE_EXPAND_H

#include "jute/codec.h"

#define JUTE_C_i32            int32_t
#define JUTE_C_i64            int64_t
#define JUTE_C_hex            int64_t
#define JUTE_C_flag           bool
#define JUTE_C_str            struct jute_bytes
#define JUTE_C_buf            struct jute_bytes
#define JUTE_C_secret         struct jute_bytes
#define JUTE_C_strs           struct jute_vector
#define JUTE_C_acls           struct jute_vector
#define JUTE_C_ids            struct jute_vector
#define JUTE_C_txns           struct jute_vector
#define JUTE_C_zk_stat        struct zk_stat
#define JUTE_C_stat_persisted struct stat_persisted

#define JUTE_ARG_i32(v)            (v)
#define JUTE_ARG_i64(v)            (v)
#define JUTE_ARG_hex(v)            (v)
#define JUTE_ARG_flag(v)           (v)
#define JUTE_ARG_str(v)            (v)
#define JUTE_ARG_buf(v)            (v)
#define JUTE_ARG_secret(v)         (v)
#define JUTE_ARG_strs(v)           (v)
#define JUTE_ARG_acls(v)           (v)
#define JUTE_ARG_ids(v)            (v)
#define JUTE_ARG_txns(v)           (v)
#define JUTE_ARG_zk_stat(v)        (&(v))
#define JUTE_ARG_stat_persisted(v) (&(v))

/* ---- Field types that codec.h does not name. */

static inline void jute_read_hex(struct jute_in *in, int64_t *ret)
{
    jute_read_i64(in, ret);
}

static inline void jute_read_secret(struct jute_in *in, struct jute_bytes *ret)
{
    jute_read_buf(in, ret);
}

/* ---- Sizes on the wire. */

static inline size_t jute_size_i32(int32_t v)
{
    return sizeof v;
}

static inline size_t jute_size_i64(int64_t v)
{
    return sizeof v;
}

static inline size_t jute_size_hex(int64_t v)
{
    return sizeof v;
}

static inline size_t jute_size_flag(bool v)
{
    (void)v;
    return 1;
}

static inline size_t jute_size_str(struct jute_bytes v)
{
    return jute_size_buf(v);
}

static inline size_t jute_size_secret(struct jute_bytes v)
{
    return jute_size_buf(v);
}

static inline size_t jute_size_strs(struct jute_vector v)
{
    return 4 + v.len;
}

static inline size_t jute_size_acls(struct jute_vector v)
{
    return 4 + v.len;
}

static inline size_t jute_size_ids(struct jute_vector v)
{
    return 4 + v.len;
}

static inline size_t jute_size_txns(struct jute_vector v)
{
    return 4 + v.len;
}

/* ---- Stores into memory that is known to be large enough; return what follows. */

static inline uint8_t *jute_store_i32(uint8_t *p, int32_t v)
{
    return jute_store32(p, (uint32_t)v);
}

static inline uint8_t *jute_store_i64(uint8_t *p, int64_t v)
{
    return jute_store64(p, (uint64_t)v);
}

static inline uint8_t *jute_store_hex(uint8_t *p, int64_t v)
{
    return jute_store64(p, (uint64_t)v);
}

static inline uint8_t *jute_store_flag(uint8_t *p, bool v)
{
    *p = v ? 1 : 0;
    return p + 1;
}

static inline uint8_t *jute_store_buf(uint8_t *p, struct jute_bytes v)
{
    p = jute_store_i32(p, v.len);
    if (v.len > 0) {
        memcpy(p, v.at, (size_t)v.len);
        p += v.len;
    }
    return p;
}

static inline uint8_t *jute_store_str(uint8_t *p, struct jute_bytes v)
{
    return jute_store_buf(p, v);
}

static inline uint8_t *jute_store_secret(uint8_t *p, struct jute_bytes v)
{
    return jute_store_buf(p, v);
}

static inline uint8_t *jute_store_strs(uint8_t *p, struct jute_vector v)
{
    p = jute_store_i32(p, v.count);
    if (v.len > 0) {
        memcpy(p, v.at, v.len);
        p += v.len;
    }
    return p;
}

static inline uint8_t *jute_store_acls(uint8_t *p, struct jute_vector v)
{
    return jute_store_strs(p, v);
}

static inline uint8_t *jute_store_ids(uint8_t *p, struct jute_vector v)
{
    return jute_store_strs(p, v);
}

static inline uint8_t *jute_store_txns(uint8_t *p, struct jute_vector v)
{
    return jute_store_strs(p, v);
}

/* ---- The expansion. */

#define JUTE_FIELD_MEMBER(type, name) JUTE_C_##type name;
#define JUTE_FIELD_READ(type, name)   jute_read_##type(in, &ret->name);
#define JUTE_FIELD_STORE(type, name)  p = jute_store_##type(p, JUTE_ARG_##type(r->name));
#define JUTE_FIELD_SIZE(type, name)   size += jute_size_##type(JUTE_ARG_##type(r->name));

/* The writer asks for room once a record, not once a field. */
#define JUTE_DEFINE_RECORD(name, LIST)                                            \
    struct name {                                                                 \
        LIST(JUTE_FIELD_MEMBER)                                                   \
    };                                                                            \
                                                                                  \
    static inline void jute_read_##name(struct jute_in *in, struct name *ret)     \
    {                                                                             \
        LIST(JUTE_FIELD_READ)                                                     \
    }                                                                             \
                                                                                  \
    static inline size_t jute_size_##name(const struct name *r)                   \
    {                                                                             \
        size_t size = 0;                                                          \
                                                                                  \
        LIST(JUTE_FIELD_SIZE)                                                     \
        return size;                                                              \
    }                                                                             \
                                                                                  \
    static inline uint8_t *jute_store_##name(uint8_t *p, const struct name *r)    \
    {                                                                             \
        LIST(JUTE_FIELD_STORE)                                                    \
        return p;                                                                 \
    }                                                                             \
                                                                                  \
    static inline void jute_write_##name(struct bytes *out, const struct name *r) \
    {                                                                             \
        size_t size = jute_size_##name(r);                                        \
                                                                                  \
        (void)jute_store_##name(bytes_room(out, size), r);                        \
        bytes_added(out, size);                                                   \
    }                                                                             \
                                                                                  \
    void jute_print_##name(struct bytes *out, const struct name *r);

#endif
