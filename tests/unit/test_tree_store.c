/* server/tree: the arena, the hash table's buckets and the small sets. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "server/tree/arena.h"
#include "server/tree/buckets.h"
#include "server/tree/crc.h"
#include "server/tree/u32set.h"
#include "util/rand.h"

/* For loops: ck_assert() writes to a file even when it holds. */
#define ck_quick(cond)                 \
    do {                               \
        if (!(cond))                   \
            ck_abort_msg("%s", #cond); \
    } while (0)

static struct arena a;

static void setup(void)
{
    ck_assert_int_eq(arena_init(&a), 0);
}

static void teardown(void)
{
    arena_done(&a);
}

/* ---- Arena. */

struct block {
    uint32_t handle;
    size_t size;
    uint8_t fill;
};

static void fill(const struct block *b)
{
    memset(arena_block(&a, b->handle, b->size), b->fill, b->size);
}

static void expect_filled(const struct block *b)
{
    const uint8_t *at = arena_block(&a, b->handle, b->size);

    for (size_t i = 0; i < b->size; i++)
        ck_quick(at[i] == b->fill);
}

START_TEST(blocks_do_not_overlap)
{
    enum { SLOTS = 2000 };
    static struct block blocks[SLOTS];
    struct rand_state r;

    rand_seed(&r, 5);
    for (int step = 0; step < 100000; step++) {
        struct block *b = &blocks[rand_below(&r, SLOTS)];

        if (b->handle != 0) {
            expect_filled(b);
            arena_free(&a, b->handle, b->size);
            b->handle = 0;
        } else {
            size_t max = rand_below(&r, 50) == 0 ? 20000 : rand_below(&r, 10) == 0 ? 5000 : 300;

            b->size = 1 + rand_below(&r, max);
            b->fill = (uint8_t)step;
            b->handle = arena_alloc(&a, b->size);
            ck_quick(b->handle != 0);
            fill(b);
        }
    }
    /* Half of them are left to arena_done(); leak checkers watch. */
    for (size_t i = 0; i < SLOTS; i += 2) {
        if (blocks[i].handle != 0) {
            expect_filled(&blocks[i]);
            arena_free(&a, blocks[i].handle, blocks[i].size);
        }
    }
}
END_TEST

START_TEST(memory_of_one_size_serves_another_and_goes_back)
{
    enum { MANY = 100000 };
    static uint32_t handles[MANY];

    for (size_t size = 40; size <= 200; size += 40) {
        for (size_t i = 0; i < MANY; i++)
            handles[i] = arena_alloc(&a, size);
        ck_assert_uint_le(arena_memory(&a), MANY * size * 11 / 10 + 4000000);
        for (size_t i = 0; i < MANY; i++)
            arena_free(&a, handles[(i * 7919) % MANY], size);
        ck_assert_uint_le(arena_memory(&a), 4000000);
    }
    /* All of it came from the chunks of the largest round. */
    ck_assert_uint_le(a.chunk_count, MANY * 200 / 65536 * 11 / 10 + 20);
}
END_TEST

START_TEST(a_block_wastes_at_most_an_eighth)
{
    for (size_t size = 64; size <= ARENA_DIRECT_MAX; size += 7) {
        struct arena one;
        size_t count = 4000000 / size;

        ck_assert_int_eq(arena_init(&one), 0);
        for (size_t i = 0; i < count; i++)
            (void)arena_alloc(&one, size);
        ck_assert_uint_le(arena_memory(&one), count * size / 8 * 9 + 200000);
        arena_done(&one);
    }
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__has_feature)
/* The sanitizers need address space of their own; gcc's build without it is enough. */
START_TEST(a_limit_on_address_space_is_respected)
{
    struct rlimit limit = { .rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY };
    struct tree_conf conf = { .hash_seed = 1 };
    struct tree *t;

    arena_done(&a); /* It holds more already. */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert_int_eq(tree_new(&t, &conf), 0);
    tree_load_begin(t, 1000);
    ck_assert_int_eq(tree_load_end(t, 1), 0);
    tree_free(t);
}
END_TEST
#endif

/* ---- Buckets. */

struct element {
    uint64_t hash;
    uint32_t next;
};

static struct element *elements;

static uint64_t hash_of(const void *owner, uint32_t handle)
{
    (void)owner;
    return elements[handle].hash;
}

static uint32_t *link_of(const void *owner, uint32_t handle)
{
    (void)owner;
    return &elements[handle].next;
}

static const struct buckets_ops ops = { .hash = hash_of, .link = link_of };

static bool is_in(const struct buckets *b, uint32_t handle)
{
    uint32_t at = buckets_first(b, elements[handle].hash);

    while (at != 0 && at != handle)
        at = elements[at].next;
    return at != 0;
}

static void grow_and_shrink(struct buckets *b, size_t many, bool is_presized)
{
    struct rand_state r;

    rand_seed(&r, many);
    elements = calloc(many + 1, sizeof *elements);
    ck_assert_ptr_nonnull(elements);
    if (is_presized)
        buckets_presize(b, many);
    for (uint32_t i = 1; i <= many; i++) {
        elements[i].hash = rand_next(&r);
        buckets_insert(b, elements[i].hash, i, &elements[i].next);
        ck_quick(b->elements <= b->count);
        if (i % 97 == 0)
            ck_quick(is_in(b, 1 + (uint32_t)rand_below(&r, i)));
    }
    for (uint32_t i = 1; i <= many; i++)
        ck_quick(is_in(b, i));
    for (uint32_t i = 1; i <= many; i++) {
        buckets_remove(b, elements[i].hash, i);
        if (i < many && i % 97 == 0)
            ck_quick(is_in(b, i + 1 + (uint32_t)rand_below(&r, many - i)));
    }
    ck_assert_uint_eq(b->elements, 0);
    ck_assert_uint_eq(b->count, 64);
    free(elements);
}

START_TEST(a_table_grows_and_shrinks_with_its_elements)
{
    struct buckets b;

    ck_assert_int_eq(buckets_init(&b, &ops, NULL, 10000000), 0);
    grow_and_shrink(&b, 100, false);
    grow_and_shrink(&b, 200000, false);
    grow_and_shrink(&b, 3000000, false);
    ck_assert_uint_le(b.committed, 9 << 20);
    buckets_done(&b);
}
END_TEST

START_TEST(a_table_can_be_sized_beforehand)
{
    static const size_t sizes[] = { 1, 63, 64, 65, 127, 128, 1000, 99999 };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buckets b;

        ck_assert_int_eq(buckets_init(&b, &ops, NULL, 10000000), 0);
        grow_and_shrink(&b, sizes[i], true);
        buckets_done(&b);
    }
}
END_TEST

START_TEST(a_table_that_is_full_still_works)
{
    struct buckets b;

    ck_assert_int_eq(buckets_init(&b, &ops, NULL, 20000), 0);
    elements = calloc(100001, sizeof *elements);
    ck_assert_ptr_nonnull(elements);
    for (uint32_t i = 1; i <= 100000; i++) {
        elements[i].hash = i * 0x9E3779B97F4A7C15u;
        buckets_insert(&b, elements[i].hash, i, &elements[i].next);
    }
    for (uint32_t i = 1; i <= 100000; i++)
        ck_quick(is_in(&b, i));
    buckets_done(&b);
    free(elements);
}
END_TEST

/* ---- Small sets. */

START_TEST(a_set_agrees_with_a_bitmap)
{
    enum { KEYS = 3000 };
    static bool in[KEYS];
    struct u32set_ctx c = { &a, 0xfffffff, 99 };
    struct u32set s = { 0 };
    struct rand_state r;
    uint32_t count = 0;

    rand_seed(&r, 3);
    for (int step = 0; step < 200000; step++) {
        /* Grows and shrinks over and over. */
        uint32_t key = 1 + (uint32_t)rand_below(&r, step / 20000 % 2 == 0 ? KEYS - 1 : 20);
        bool grows = rand_below(&r, 3) != 0;

        ck_quick((u32set_find(&c, &s, key) != NULL) == in[key]);
        if (in[key] && (!grows || step / 20000 % 2 == 1)) {
            u32set_remove(&c, &s, key);
            in[key] = false;
            count--;
        } else if (!in[key]) {
            u32set_add(&c, &s, key | 0x10000000);
            in[key] = true;
            count++;
        }
        ck_quick(u32set_count(&s) == count);
    }

    size_t slots;
    const uint32_t *at = u32set_slots(&c, &s, &slots);
    uint32_t walked = 0;

    for (size_t i = 0; i < slots; i++) {
        if (at[i] != 0) {
            ck_quick(in[at[i] & c.mask]);
            walked++;
        }
    }
    ck_assert_uint_eq(walked, count);
    u32set_clear(&c, &s);
    ck_assert_uint_eq(u32set_count(&s), 0);
}
END_TEST

/* ---- CRC. */

START_TEST(the_crc_is_zlibs_at_every_length_and_place)
{
    enum { LEN = 700 };
    uint8_t *bytes = malloc(LEN);
    struct rand_state r;

    ck_assert_ptr_nonnull(bytes);
    rand_seed(&r, 12);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)rand_next(&r);
    for (size_t len = 0; len <= LEN; len++) {
        uint32_t start = (uint32_t)rand_next(&r);
        uint8_t *exact = malloc(len > 0 ? len : 1);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes + LEN - len, len);
        ck_assert_uint_eq(crc_more(0, exact, len), crc32_z(0, exact, len));
        ck_assert_uint_eq(crc_more(start, exact, len), crc32_z(start, exact, len));
        ck_assert_uint_eq(crc_more(1, exact, len), crc32_z(1, exact, len));
        free(exact);
    }
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_store");
    TCase *c = tcase_create("all");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, blocks_do_not_overlap);
    tcase_add_test(c, memory_of_one_size_serves_another_and_goes_back);
    tcase_add_test(c, a_block_wastes_at_most_an_eighth);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__has_feature)
    tcase_add_test(c, a_limit_on_address_space_is_respected);
#endif
    tcase_add_test(c, a_table_grows_and_shrinks_with_its_elements);
    tcase_add_test(c, a_table_can_be_sized_beforehand);
    tcase_add_test(c, a_table_that_is_full_still_works);
    tcase_add_test(c, a_set_agrees_with_a_bitmap);
    tcase_add_test(c, the_crc_is_zlibs_at_every_length_and_place);
    suite_add_tcase(s, c);

    SRunner *runner = srunner_create(s);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed > 0;
}
