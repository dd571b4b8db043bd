/* The part of the codec that is not worth inlining: vectors. Each element is read
 * once when the record is read, so that later walks need no error path. */
#include "jute/codec.h"

/* Fewest bytes that one element takes on the wire. */
enum {
    STR_BYTES_MIN = 4,
    ACL_BYTES_MIN = 12,
    ID_BYTES_MIN = 8,
    TXN_BYTES_MIN = 8,
};

/* Takes the count of a vector. A count that the bytes at hand cannot hold is
 * refused here, before any element is looked at: the work that a frame can cause
 * stays proportional to its size. */
static int32_t read_count(struct jute_in *in, struct jute_vector *ret, size_t element_bytes_min)
{
    int32_t count;

    jute_read_i32(in, &count);
    if (count > 0 && (size_t)count > jute_left(in) / element_bytes_min)
        in->bad = true;
    if (in->bad || count < -1)
        count = 0;
    *ret = (struct jute_vector){ .at = in->at, .count = count };
    return count;
}

/* Closes the vector behind its last element; a bad one is left empty. */
static void end_vector(struct jute_in *in, struct jute_vector *ret)
{
    if (in->bad)
        *ret = (struct jute_vector){ .at = in->end };
    else
        ret->len = (size_t)(in->at - ret->at);
}

static void skip_buf(struct jute_in *in)
{
    struct jute_bytes ignored;

    jute_read_buf(in, &ignored);
}

void jute_read_strs(struct jute_in *in, struct jute_vector *ret)
{
    for (int32_t left = read_count(in, ret, STR_BYTES_MIN); left > 0 && !in->bad; left--)
        skip_buf(in);
    end_vector(in, ret);
}

void jute_read_acls(struct jute_in *in, struct jute_vector *ret)
{
    for (int32_t left = read_count(in, ret, ACL_BYTES_MIN); left > 0 && !in->bad; left--) {
        (void)jute_take(in, 4); /* perms */
        skip_buf(in);           /* scheme */
        skip_buf(in);           /* id */
    }
    end_vector(in, ret);
}

void jute_read_ids(struct jute_in *in, struct jute_vector *ret)
{
    for (int32_t left = read_count(in, ret, ID_BYTES_MIN); left > 0 && !in->bad; left--) {
        skip_buf(in); /* scheme */
        skip_buf(in); /* id */
    }
    end_vector(in, ret);
}

void jute_read_txns(struct jute_in *in, struct jute_vector *ret)
{
    for (int32_t left = read_count(in, ret, TXN_BYTES_MIN); left > 0 && !in->bad; left--) {
        (void)jute_take(in, 4); /* type */
        skip_buf(in);           /* record */
    }
    end_vector(in, ret);
}

static void write_vector(struct bytes *out, struct jute_vector v)
{
    jute_write_i32(out, v.count);
    bytes_put(out, v.at, v.len);
}

void jute_write_strs(struct bytes *out, struct jute_vector v)
{
    write_vector(out, v);
}

void jute_write_acls(struct bytes *out, struct jute_vector v)
{
    write_vector(out, v);
}

void jute_write_ids(struct bytes *out, struct jute_vector v)
{
    write_vector(out, v);
}

void jute_write_txns(struct bytes *out, struct jute_vector v)
{
    write_vector(out, v);
}

void jute_write_acl(struct bytes *out, struct jute_acl v)
{
    jute_write_i32(out, v.perms);
    jute_write_str(out, v.scheme);
    jute_write_str(out, v.id);
}

void jute_write_id(struct bytes *out, struct jute_id v)
{
    jute_write_str(out, v.scheme);
    jute_write_str(out, v.id);
}

void jute_write_txn(struct bytes *out, struct jute_txn v)
{
    jute_write_i32(out, v.type);
    jute_write_buf(out, v.record);
}

bool jute_next_str(struct jute_in *walk, struct jute_bytes *ret)
{
    if (walk->at == walk->end)
        return false;
    jute_read_str(walk, ret);
    return !walk->bad;
}

bool jute_next_acl(struct jute_in *walk, struct jute_acl *ret)
{
    if (walk->at == walk->end)
        return false;
    jute_read_i32(walk, &ret->perms);
    jute_read_str(walk, &ret->scheme);
    jute_read_str(walk, &ret->id);
    return !walk->bad;
}

bool jute_next_id(struct jute_in *walk, struct jute_id *ret)
{
    if (walk->at == walk->end)
        return false;
    jute_read_str(walk, &ret->scheme);
    jute_read_str(walk, &ret->id);
    return !walk->bad;
}

bool jute_next_txn(struct jute_in *walk, struct jute_txn *ret)
{
    if (walk->at == walk->end)
        return false;
    jute_read_i32(walk, &ret->type);
    jute_read_buf(walk, &ret->record);
    return !walk->bad;
}
