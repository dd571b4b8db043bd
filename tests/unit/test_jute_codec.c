/* jute/codec: primitives and vectors. */
#include "jute/codec.h"

#include "tests/unit/test_jute_hex.h"

START_TEST(numbers_are_big_endian)
{
    struct bytes b = { 0 };
    int32_t small;
    int64_t big;

    jute_write_i32(&b, -2);
    jute_write_i64(&b, 0x0102030405060708);
    test_is_hex(&b, "fffffffe 0102030405060708");

    struct jute_in in = test_in(&b);

    jute_read_i32(&in, &small);
    jute_read_i64(&in, &big);
    ck_assert(!in.bad);
    ck_assert_int_eq(small, -2);
    ck_assert_int_eq(big, 0x0102030405060708);
    ck_assert_uint_eq(jute_left(&in), 0);
    bytes_done(&b);
}
END_TEST

START_TEST(any_byte_but_zero_is_true_and_true_is_written_as_one)
{
    struct bytes b = test_hex("00 01 02 ff");
    struct jute_in in = test_in(&b);
    struct bytes out = { 0 };
    bool flag;

    for (int i = 0; i < 4; i++) {
        jute_read_flag(&in, &flag);
        ck_assert_int_eq(flag, i > 0);
        jute_write_flag(&out, flag);
    }
    ck_assert(!in.bad);
    test_is_hex(&out, "00 01 01 01");
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(null_and_empty_buffers_differ_and_both_survive)
{
    struct bytes b = test_hex("ffffffff 00000000 00000001 78");
    struct jute_in in = test_in(&b);
    struct jute_bytes null, empty, one;
    struct bytes out = { 0 };

    jute_read_buf(&in, &null);
    jute_read_buf(&in, &empty);
    jute_read_str(&in, &one);
    ck_assert(!in.bad);
    ck_assert_int_eq(null.len, -1);
    ck_assert_int_eq(empty.len, 0);
    ck_assert(jute_is_text(one, "x"));
    ck_assert(!jute_bytes_equal(null, empty));

    jute_write_buf(&out, null);
    jute_write_buf(&out, empty);
    jute_write_str(&out, one);
    ck_assert_uint_eq(out.len, b.len);
    ck_assert_mem_eq(out.at, b.at, b.len);
    ck_assert_uint_eq(jute_size_buf(null) + jute_size_buf(empty) + jute_size_buf(one), b.len);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(a_negative_length_other_than_null_is_refused)
{
    const char *lies[] = { "fffffffe", "80000000", "ffffff00" };

    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes b = test_hex(lies[i]);
        struct jute_in in = test_in(&b);
        struct jute_bytes v;

        jute_read_buf(&in, &v);
        ck_assert(in.bad);
        ck_assert_int_eq(v.len, -1);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(a_length_beyond_the_bytes_is_refused)
{
    const char *lies[] = { "00000002 61", "7fffffff 61", "00000001" };

    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes b = test_hex(lies[i]);
        uint8_t *exact = test_exact(b.at, b.len);
        struct jute_in in = jute_in(exact, b.len);
        struct jute_bytes v;

        jute_read_buf(&in, &v);
        ck_assert(in.bad);
        ck_assert_int_eq(v.len, -1);
        ck_assert_ptr_null(v.at);
        free(exact);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(after_the_first_error_every_read_yields_zero)
{
    struct bytes b = test_hex("ffffff00 00000001 0000000000000001 01 00000001 00000001 61");
    struct jute_in in = test_in(&b);
    struct jute_bytes v;
    struct jute_vector vector = { .count = 7 };
    int32_t small = 7;
    int64_t big = 7;
    bool flag = true;

    jute_read_buf(&in, &v);
    ck_assert(in.bad);
    jute_read_i32(&in, &small);
    jute_read_i64(&in, &big);
    jute_read_flag(&in, &flag);
    jute_read_strs(&in, &vector);
    ck_assert(in.bad);
    ck_assert_int_eq(small, 0);
    ck_assert_int_eq(big, 0);
    ck_assert(!flag);
    ck_assert_int_eq(vector.count, 0);
    ck_assert_uint_eq(vector.len, 0);
    bytes_done(&b);
}
END_TEST

typedef void (*read_vector)(struct jute_in *in, struct jute_vector *ret);
typedef void (*write_vector)(struct bytes *out, struct jute_vector v);

static const struct {
    read_vector read;
    write_vector write;
    const char *two; /* Two elements, with their count. */
} VECTORS[] = {
    { jute_read_strs, jute_write_strs, "00000002 00000001 61 ffffffff" },
    { jute_read_acls, jute_write_acls,
      "00000002 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000001 00000000 ffffffff" },
    { jute_read_ids, jute_write_ids, "00000002 00000002 6970 00000001 31 00000000 00000000" },
    { jute_read_txns, jute_write_txns,
      "00000002 00000002 00000006 00000002 2f61 ffffffff 00000000" },
};

enum { VECTOR_COUNT = sizeof VECTORS / sizeof *VECTORS };

START_TEST(a_vector_is_read_whole_and_written_back)
{
    struct bytes b = test_hex(VECTORS[_i].two);
    struct jute_in in = test_in(&b);
    struct jute_vector v;
    struct bytes out = { 0 };

    VECTORS[_i].read(&in, &v);
    ck_assert(!in.bad);
    ck_assert_int_eq(v.count, 2);
    ck_assert_uint_eq(v.len, b.len - 4);
    ck_assert_uint_eq(jute_left(&in), 0);
    VECTORS[_i].write(&out, v);
    ck_assert_uint_eq(out.len, b.len);
    ck_assert_mem_eq(out.at, b.at, b.len);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(every_truncation_of_a_vector_is_refused)
{
    struct bytes b = test_hex(VECTORS[_i].two);

    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = test_exact(b.at, len);
        struct jute_in in = jute_in(exact, len);
        struct jute_vector v;

        VECTORS[_i].read(&in, &v);
        ck_assert_msg(in.bad, "accepted when cut to %zu bytes", len);
        ck_assert_int_eq(v.count, 0);
        ck_assert_uint_eq(v.len, 0);
        free(exact);
    }
    bytes_done(&b);
}
END_TEST

START_TEST(null_and_empty_vectors_differ_and_lower_counts_read_as_empty)
{
    struct bytes b = test_hex("ffffffff 00000000 fffffffe 80000000");
    struct jute_in in = test_in(&b);
    const int32_t want[] = { -1, 0, 0, 0 };
    struct bytes out = { 0 };

    for (size_t i = 0; i < 4; i++) {
        struct jute_vector v;

        VECTORS[_i].read(&in, &v);
        ck_assert(!in.bad);
        ck_assert_int_eq(v.count, want[i]);
        ck_assert_uint_eq(v.len, 0);
        VECTORS[_i].write(&out, v);
    }
    test_is_hex(&out, "ffffffff 00000000 00000000 00000000");
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(a_count_that_the_bytes_cannot_hold_is_refused)
{
    const char *lies[] = { "7fffffff", "7fffffff 0000000000000000 0000000000000000", "00000001",
                           "00000005 0000000000000000 0000000000000000" };

    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bytes b = test_hex(lies[i]);
        uint8_t *exact = test_exact(b.at, b.len);
        struct jute_in in = jute_in(exact, b.len);
        struct jute_vector v;

        VECTORS[_i].read(&in, &v);
        ck_assert(in.bad);
        ck_assert_int_eq(v.count, 0);
        /* Refused by the count alone: no work was done on elements. */
        ck_assert_uint_eq(jute_left(&in), b.len - 4);
        free(exact);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(a_bad_element_spoils_its_vector)
{
    /* The second string has length -2. */
    struct bytes b = test_hex("00000002 00000001 61 fffffffe");
    struct jute_in in = test_in(&b);
    struct jute_vector v;

    jute_read_strs(&in, &v);
    ck_assert(in.bad);
    ck_assert_int_eq(v.count, 0);
    bytes_done(&b);
}
END_TEST

START_TEST(strings_are_walked_in_order)
{
    struct bytes b = test_hex("00000003 00000001 61 00000000 ffffffff");
    struct jute_in in = test_in(&b);
    struct jute_vector v;
    struct jute_bytes str;

    jute_read_strs(&in, &v);

    struct jute_in walk = jute_in(v.at, v.len);

    ck_assert(jute_next_str(&walk, &str) && jute_is_text(str, "a"));
    ck_assert(jute_next_str(&walk, &str) && str.len == 0);
    ck_assert(jute_next_str(&walk, &str) && str.len == -1);
    ck_assert(!jute_next_str(&walk, &str));
    ck_assert(!jute_next_str(&walk, &str));
    bytes_done(&b);
}
END_TEST

START_TEST(vectors_are_built_from_elements_and_walked)
{
    struct bytes acls = { 0 };
    struct bytes ids = { 0 };
    struct bytes txns = { 0 };
    struct jute_acl acl;
    struct jute_id id;
    struct jute_txn txn;

    jute_write_acl(&acls, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });
    jute_write_acl(&acls, (struct jute_acl){ 1, jute_text("ip"), jute_text("::1") });
    jute_write_id(&ids, (struct jute_id){ jute_text("ip"), jute_text("10.0.0.1") });
    jute_write_txn(&txns, (struct jute_txn){ -1, jute_text("four") });

    struct jute_in walk = jute_walk(jute_vector_of(&acls, 2));

    ck_assert(jute_next_acl(&walk, &acl));
    ck_assert(acl.perms == 31 && jute_is_text(acl.id, "anyone"));
    ck_assert(jute_next_acl(&walk, &acl));
    ck_assert(acl.perms == 1 && jute_is_text(acl.scheme, "ip") && jute_is_text(acl.id, "::1"));
    ck_assert(!jute_next_acl(&walk, &acl));

    walk = jute_walk(jute_vector_of(&ids, 1));
    ck_assert(jute_next_id(&walk, &id));
    ck_assert(jute_is_text(id.scheme, "ip") && jute_is_text(id.id, "10.0.0.1"));
    ck_assert(!jute_next_id(&walk, &id));

    walk = jute_walk(jute_vector_of(&txns, 1));
    ck_assert(jute_next_txn(&walk, &txn));
    ck_assert(txn.type == -1 && jute_is_text(txn.record, "four"));
    ck_assert(!jute_next_txn(&walk, &txn));
    bytes_done(&acls);
    bytes_done(&ids);
    bytes_done(&txns);
}
END_TEST

START_TEST(a_vector_without_bytes_can_be_walked)
{
    struct jute_in walk = jute_walk((struct jute_vector){ .count = -1 });
    struct jute_bytes str;
    struct jute_acl acl;

    ck_assert(!jute_next_str(&walk, &str));
    ck_assert(!jute_next_acl(&walk, &acl));
}
END_TEST

START_TEST(inside_a_null_buffer_is_nothing_to_read)
{
    struct jute_in in = jute_inside((struct jute_bytes){ .len = -1 });
    int32_t v;

    ck_assert_uint_eq(jute_left(&in), 0);
    jute_read_i32(&in, &v);
    ck_assert(in.bad);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jute codec");
    TCase *primitives = tcase_create("primitives");
    TCase *vectors = tcase_create("vectors");

    tcase_add_test(primitives, numbers_are_big_endian);
    tcase_add_test(primitives, any_byte_but_zero_is_true_and_true_is_written_as_one);
    tcase_add_test(primitives, null_and_empty_buffers_differ_and_both_survive);
    tcase_add_test(primitives, a_negative_length_other_than_null_is_refused);
    tcase_add_test(primitives, a_length_beyond_the_bytes_is_refused);
    tcase_add_test(primitives, after_the_first_error_every_read_yields_zero);
    suite_add_tcase(suite, primitives);

    tcase_add_loop_test(vectors, a_vector_is_read_whole_and_written_back, 0, VECTOR_COUNT);
    tcase_add_loop_test(vectors, every_truncation_of_a_vector_is_refused, 0, VECTOR_COUNT);
    tcase_add_loop_test(vectors, null_and_empty_vectors_differ_and_lower_counts_read_as_empty, 0,
                        VECTOR_COUNT);
    tcase_add_loop_test(vectors, a_count_that_the_bytes_cannot_hold_is_refused, 0, VECTOR_COUNT);
    tcase_add_test(vectors, a_bad_element_spoils_its_vector);
    tcase_add_test(vectors, strings_are_walked_in_order);
    tcase_add_test(vectors, vectors_are_built_from_elements_and_walked);
    tcase_add_test(vectors, a_vector_without_bytes_can_be_walked);
    tcase_add_test(vectors, inside_a_null_buffer_is_nothing_to_read);
    suite_add_tcase(suite, vectors);
    return test_run(suite);
}
