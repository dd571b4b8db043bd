/* server/tree/watch: the tables of client-protocol 4. */
#include "server/tree/watch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/rand.h"

enum { CHILDREN = 1, DATA = 2, ANY = 3, PERSISTENT = 4, RECURSIVE = 5 }; /* The wire's types. */

static struct watch_table *w;

static void setup(void)
{
    w = watch_table_new(11);
    ck_assert_ptr_nonnull(w);
}

static void teardown(void)
{
    w = watch_table_free(w);
}

static void add(const char *path, uint32_t watcher, enum watch_mode mode)
{
    watch_add(w, jute_text(path), watcher, mode);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* "1 2 3", sorted. */
static const char *shown(struct watch_hits hits)
{
    static char out[1024];
    uint32_t sorted[100];
    int len = 0;

    ck_assert_uint_le(hits.count, 100);
    for (size_t i = 0; i < hits.count; i++)
        sorted[i] = hits.watchers[i];
    qsort(sorted, hits.count, sizeof *sorted, by_value);
    out[0] = 0;
    for (size_t i = 0; i < hits.count; i++)
        len += snprintf(out + len, sizeof out - (size_t)len, "%s%u", i > 0 ? " " : "", sorted[i]);
    return out;
}

static const char *fire_data(const char *path)
{
    return shown(watch_fire_data(w, jute_text(path)));
}

static const char *fire_child(const char *path, bool skip_last)
{
    return shown(watch_fire_child(w, jute_text(path), skip_last));
}

static bool has(const char *path, uint32_t watcher, int type)
{
    return watch_has(w, jute_text(path), watcher, type);
}

static bool drop(const char *path, uint32_t watcher, int type)
{
    return watch_remove(w, jute_text(path), watcher, type);
}

static uint64_t total(void)
{
    struct watch_totals t;

    watch_totals(w, &t);
    return t.watches;
}

START_TEST(a_standard_watch_fires_once)
{
    add("/a", 1, WATCH_DATA);
    add("/a", 2, WATCH_DATA);
    add("/a", 2, WATCH_DATA);
    ck_assert_uint_eq(total(), 2);
    ck_assert_str_eq(fire_data("/b"), "");
    ck_assert_str_eq(fire_data("/a/b"), "");
    ck_assert_str_eq(fire_data("/a"), "1 2");
    ck_assert_str_eq(fire_data("/a"), "");
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(data_and_child_watches_are_apart)
{
    add("/a", 1, WATCH_DATA);
    add("/a", 2, WATCH_CHILD);
    ck_assert_str_eq(fire_child("/a", false), "2");
    ck_assert_str_eq(fire_data("/a"), "1");
}
END_TEST

START_TEST(a_persistent_watch_stays_in_both_tables)
{
    add("/a", 1, WATCH_PERSISTENT);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(fire_data("/a"), "1");
        ck_assert_str_eq(fire_child("/a", false), "1");
    }
    ck_assert_str_eq(fire_data("/a/b"), "");
    ck_assert_uint_eq(total(), 2);
}
END_TEST

START_TEST(a_standard_mode_beside_a_persistent_one_is_used_up_alone)
{
    add("/a", 1, WATCH_PERSISTENT);
    add("/a", 1, WATCH_DATA);
    ck_assert(has("/a", 1, DATA));
    ck_assert_str_eq(fire_data("/a"), "1");
    ck_assert(!has("/a", 1, DATA));
    ck_assert(has("/a", 1, PERSISTENT));
    ck_assert_str_eq(fire_data("/a"), "1");
}
END_TEST

START_TEST(a_recursive_watch_covers_what_is_below_by_components)
{
    add("/a", 1, WATCH_RECURSIVE);
    add("/", 2, WATCH_RECURSIVE);
    ck_assert_str_eq(fire_data("/a"), "1 2");
    ck_assert_str_eq(fire_data("/a/b/c"), "1 2");
    ck_assert_str_eq(fire_data("/ab"), "2");
    ck_assert_str_eq(fire_data("/"), "2");
    ck_assert_str_eq(fire_child("/a", false), "");
    ck_assert_uint_eq(total(), 2);
}
END_TEST

START_TEST(a_watcher_is_hit_once_an_event)
{
    add("/", 1, WATCH_RECURSIVE);
    add("/a", 1, WATCH_RECURSIVE);
    add("/a/b", 1, WATCH_RECURSIVE);
    add("/a/b", 1, WATCH_DATA);
    add("/a/b", 1, WATCH_PERSISTENT);
    ck_assert_uint_eq(watch_fire_data(w, jute_text("/a/b")).count, 1);
}
END_TEST

START_TEST(who_was_just_told_is_left_out_but_used_up)
{
    add("/a", 1, WATCH_DATA);
    add("/a", 1, WATCH_CHILD);
    add("/a", 2, WATCH_CHILD);
    ck_assert_str_eq(fire_data("/a"), "1");
    ck_assert_str_eq(fire_child("/a", true), "2");
    ck_assert_str_eq(fire_child("/a", false), "");
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(types_name_the_modes_they_remove)
{
    add("/a", 1, WATCH_DATA);
    add("/a", 1, WATCH_CHILD);
    add("/a", 1, WATCH_PERSISTENT);
    add("/a", 1, WATCH_RECURSIVE);
    ck_assert(!drop("/a", 2, ANY));
    ck_assert(!drop("/b", 1, ANY));
    ck_assert(drop("/a", 1, CHILDREN));
    ck_assert(!drop("/a", 1, CHILDREN));
    ck_assert(drop("/a", 1, DATA));
    ck_assert(!has("/a", 1, DATA));
    ck_assert(drop("/a", 1, PERSISTENT));
    ck_assert(!has("/a", 1, PERSISTENT));
    ck_assert(has("/a", 1, ANY));
    ck_assert(drop("/a", 1, RECURSIVE));
    ck_assert(!has("/a", 1, ANY));
    ck_assert(!drop("/a", 1, ANY));
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(any_removes_all)
{
    add("/a", 1, WATCH_CHILD);
    ck_assert(drop("/a", 1, ANY));
    add("/a", 1, WATCH_DATA);
    add("/a", 1, WATCH_PERSISTENT);
    add("/a", 1, WATCH_RECURSIVE);
    ck_assert(drop("/a", 1, ANY));
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(an_unknown_type_finds_nothing)
{
    add("/a", 1, WATCH_DATA);
    ck_assert(!has("/a", 1, 0));
    ck_assert(!has("/a", 1, 6));
    ck_assert(!drop("/a", 1, -1));
    ck_assert_uint_eq(total(), 1);
}
END_TEST

START_TEST(a_closed_connection_leaves_nothing)
{
    add("/a", 1, WATCH_DATA);
    add("/a", 2, WATCH_DATA);
    add("/b", 1, WATCH_CHILD);
    add("/c", 1, WATCH_RECURSIVE);
    watch_remove_all(w, 1);
    watch_remove_all(w, 99);
    ck_assert_uint_eq(total(), 1);
    ck_assert_str_eq(fire_data("/c/d"), "");
    ck_assert_str_eq(fire_data("/a"), "2");
}
END_TEST

/* What ZK counts: a pair of watcher and path once in each table, whatever its modes. */
START_TEST(totals_count_as_zk_does)
{
    struct watch_totals t;

    add("/a", 1, WATCH_DATA);
    add("/a", 1, WATCH_RECURSIVE);
    add("/a", 1, WATCH_PERSISTENT);
    add("/a", 2, WATCH_RECURSIVE);
    add("/b", 1, WATCH_CHILD);
    watch_totals(w, &t);
    ck_assert_uint_eq(t.data_watches, 2);
    ck_assert_uint_eq(t.watches, 4);
    ck_assert_uint_eq(t.data_paths, 1);
    ck_assert_uint_eq(t.data_watchers, 2);
    ck_assert(drop("/a", 1, RECURSIVE));
    watch_totals(w, &t);
    ck_assert_uint_eq(t.data_watches, 2);
    ck_assert(drop("/a", 1, PERSISTENT));
    ck_assert(drop("/a", 1, DATA));
    watch_totals(w, &t);
    ck_assert_uint_eq(t.data_watches, 1);
    ck_assert_uint_eq(t.data_watchers, 1);
    ck_assert_uint_eq(t.data_paths, 1);
    ck_assert_uint_eq(t.watches, 2);
}
END_TEST

static char listed[1024];

static void list_path(void *ctx, struct jute_bytes path, uint32_t watcher)
{
    (void)ctx;
    (void)snprintf(listed + strlen(listed), sizeof listed - strlen(listed), "%.*s:%u ", path.len,
                   (const char *)path.at, watcher);
}

static void list_watcher(void *ctx, uint32_t watcher, struct jute_bytes path)
{
    list_path(ctx, path, watcher);
}

START_TEST(lists_show_the_data_table_once_a_pair)
{
    listed[0] = 0;
    add("/a", 1, WATCH_DATA);
    add("/a", 1, WATCH_RECURSIVE);
    add("/a", 3, WATCH_RECURSIVE);
    add("/a", 4, WATCH_CHILD);
    watch_each_by_path(w, list_path, NULL);
    ck_assert_str_eq(listed, "/a:1 /a:3 ");
    listed[0] = 0;
    add("/b", 1, WATCH_RECURSIVE);
    watch_each_by_watcher(w, list_watcher, NULL);
    ck_assert_str_eq(listed, "/a:1 /b:1 /a:3 ");
}
END_TEST

START_TEST(any_text_is_a_path)
{
    static const char *const odd[] = { "", "abc", "//", "/a/", "a//b" };

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        add(odd[i], 1, WATCH_DATA);
        ck_assert(has(odd[i], 1, DATA));
        for (size_t k = 0; k < i; k++)
            ck_assert(!has(odd[k], 1, DATA));
        ck_assert_str_eq(fire_data(odd[i]), "1");
    }
    watch_add(w, (struct jute_bytes){ .len = -1 }, 1, WATCH_DATA);
    ck_assert(watch_remove(w, (struct jute_bytes){ .len = -1 }, 1, DATA));
}
END_TEST

START_TEST(a_long_path_is_kept_whole)
{
    size_t len = 1 << 20;
    char *path = malloc(len + 1);

    ck_assert_ptr_nonnull(path);
    memset(path, 'x', len);
    for (size_t i = 0; i < len; i += 2)
        path[i] = '/';
    path[len] = 0;
    add(path, 1, WATCH_DATA);
    add("/x/x", 2, WATCH_RECURSIVE);
    add(path, 3, WATCH_RECURSIVE);
    ck_assert_str_eq(fire_data(path), "1 2 3");
    path[len - 1] = 'y';
    ck_assert_str_eq(fire_data(path), "2");
    path[len - 1] = 'x';
    ck_assert(drop(path, 3, RECURSIVE));
    free(path);
}
END_TEST

/* A table freed with long paths in it must free them as well (leak checkers watch). */
START_TEST(a_table_is_freed_with_what_it_holds)
{
    char path[3000];

    memset(path, 'p', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(path + 1, 10, "%08u", i);
        path[9] = 'p';
        add(path, 5, WATCH_DATA);
        add("/one", i, WATCH_CHILD);
    }
}
END_TEST

/* One path and 100,000 watchers, or the other way round, in any order of leaving. A
 * walk over all of them at each step would take minutes. */
START_TEST(many_watchers_of_one_path_come_and_go)
{
    enum { MANY = 100000 };

    for (uint32_t i = 0; i < MANY; i++)
        add("/a", i, i % 2 == 0 ? WATCH_DATA : WATCH_PERSISTENT);
    for (uint32_t i = 0; i < MANY / 2; i++)
        watch_remove_all(w, i * 7919 % MANY);
    ck_assert_uint_eq(watch_fire_data(w, jute_text("/a")).count, MANY / 2);
    for (uint32_t i = 0; i < MANY; i++)
        watch_remove_all(w, i);
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(one_watcher_of_many_paths_comes_and_goes)
{
    enum { MANY = 100000 };
    char path[32];

    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof path, "/n/%u", i);
        add(path, 3, WATCH_DATA);
    }
    for (uint32_t i = 0; i < MANY / 2; i++) {
        (void)snprintf(path, sizeof path, "/n/%u", i * 7919 % MANY);
        ck_assert_uint_eq(watch_fire_data(w, jute_text(path)).count, 1);
    }
    watch_remove_all(w, 3);
    ck_assert(watch_table_is_empty(w));
}
END_TEST

START_TEST(a_watch_takes_at_most_24_bytes)
{
    enum { WATCHERS = 1000, PATHS = 1000, ALL = WATCHERS * PATHS };
    struct watch_totals before;
    struct watch_totals after;
    char path[32];

    watch_totals(w, &before);
    for (uint32_t i = 0; i < WATCHERS; i++) {
        for (uint32_t k = 0; k < PATHS; k++) {
            (void)snprintf(path, sizeof path, "/n/%u", k);
            add(path, i, WATCH_DATA);
        }
    }
    watch_totals(w, &after);
    ck_assert_uint_eq(after.watches, ALL);
    ck_assert_uint_le((after.memory_bytes - before.memory_bytes) / ALL, 24);
}
END_TEST

/* ---- Against a plain list of all watches. */

enum { MODEL_PATHS = 12, MODEL_WATCHERS = 40 };

static const char *const model_paths[MODEL_PATHS] = { "/",      "/a",    "/a/b",   "/a/b/c",
                                                      "/a/bc",  "/b",    "/b/b",   "/b/b/b",
                                                      "/a/b/d", "/long", "/long/", "" };
static unsigned model[MODEL_PATHS][MODEL_WATCHERS];

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    if (strcmp(path, top) == 0 && path[0] == '/')
        return true;
    if (strcmp(top, "/") == 0)
        return path[0] == '/';
    return len > 0 && strncmp(path, top, len) == 0 && path[len] == '/';
}

/* Whether this watcher should hear of it; uses up what is used up. */
static bool model_hit(size_t p, uint32_t id, bool is_child)
{
    unsigned one_shot = is_child ? WATCH_CHILD : WATCH_DATA;
    bool is_hit = (model[p][id] & (one_shot | WATCH_PERSISTENT)) != 0;

    for (size_t k = 0; k < MODEL_PATHS && !is_child; k++)
        is_hit |= (model[k][id] & WATCH_RECURSIVE) != 0 && is_below(model_paths[p], model_paths[k]);
    model[p][id] &= ~one_shot;
    return is_hit;
}

static const char *model_fire(size_t p, bool is_child, const bool *skip, bool *ret_told)
{
    static char out[1024];
    int len = 0;

    out[0] = 0;
    for (uint32_t i = 0; i < MODEL_WATCHERS; i++) {
        ret_told[i] = model_hit(p, i, is_child);
        if (ret_told[i] && (skip == NULL || !skip[i]))
            len += snprintf(out + len, sizeof out - (size_t)len, "%s%u", len > 0 ? " " : "", i);
    }
    return out;
}

static void expect_model_totals(void)
{
    struct watch_totals t;
    uint64_t data = 0;
    uint64_t child = 0;
    uint64_t paths = 0;

    for (size_t p = 0; p < MODEL_PATHS; p++) {
        uint64_t before = data;

        for (size_t i = 0; i < MODEL_WATCHERS; i++) {
            data += (model[p][i] & (WATCH_DATA | WATCH_PERSISTENT | WATCH_RECURSIVE)) != 0;
            child += (model[p][i] & (WATCH_CHILD | WATCH_PERSISTENT)) != 0;
        }
        paths += data > before;
    }
    watch_totals(w, &t);
    ck_assert_uint_eq(t.data_watches, data);
    ck_assert_uint_eq(t.watches, data + child);
    ck_assert_uint_eq(t.data_paths, paths);
}

static void model_remove(size_t p, uint32_t id, int type)
{
    static const unsigned of_type[] = { 0,  WATCH_CHILD,      WATCH_DATA,
                                        15, WATCH_PERSISTENT, WATCH_RECURSIVE };
    bool want = (model[p][id] & of_type[type]) != 0;

    ck_assert_int_eq(has(model_paths[p], id, type), want);
    ck_assert_int_eq(drop(model_paths[p], id, type), want);
    model[p][id] &= ~of_type[type];
}

static void model_step(struct rand_state *r)
{
    size_t p = rand_below(r, MODEL_PATHS);
    uint32_t id = (uint32_t)rand_below(r, MODEL_WATCHERS);
    bool told[MODEL_WATCHERS];
    bool told_child[MODEL_WATCHERS];
    uint64_t what = rand_below(r, 100);

    if (what < 75) {
        unsigned mode = 1u << rand_below(r, 4);

        add(model_paths[p], id, (enum watch_mode)mode);
        model[p][id] |= mode;
    } else if (what < 82) {
        model_remove(p, id, 1 + (int)rand_below(r, 5));
    } else if (what < 84) {
        watch_remove_all(w, id);
        for (size_t k = 0; k < MODEL_PATHS; k++)
            model[k][id] = 0;
    } else if (what < 92) {
        ck_assert_str_eq(fire_child(model_paths[p], false), model_fire(p, true, NULL, told));
    } else {
        ck_assert_str_eq(fire_data(model_paths[p]), model_fire(p, false, NULL, told));
        if (what < 96)
            ck_assert_str_eq(fire_child(model_paths[p], true),
                             model_fire(p, true, told, told_child));
    }
}

START_TEST(random_histories_agree_with_a_plain_list)
{
    struct rand_state r;

    rand_seed(&r, (uint64_t)_i);
    memset(model, 0, sizeof model);
    for (int step = 0; step < 20000; step++) {
        model_step(&r);
        expect_model_totals();
    }
}
END_TEST

/* The order in which watchers are told depends on history and seed alone. */
START_TEST(equal_histories_tell_in_equal_order)
{
    struct watch_table *other = watch_table_new(11);
    struct watch_hits a;
    uint32_t first[500];

    for (uint32_t i = 0; i < 500; i++) {
        add("/a", i * 31 % 500, WATCH_DATA);
        watch_add(other, jute_text("/a"), i * 31 % 500, WATCH_DATA);
    }
    a = watch_fire_data(w, jute_text("/a"));
    ck_assert_uint_eq(a.count, 500);
    memcpy(first, a.watchers, sizeof first);
    a = watch_fire_data(other, jute_text("/a"));
    ck_assert_mem_eq(first, a.watchers, sizeof first);
    watch_table_free(other);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("watch");
    TCase *c = tcase_create("all");

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_standard_watch_fires_once);
    tcase_add_test(c, data_and_child_watches_are_apart);
    tcase_add_test(c, a_persistent_watch_stays_in_both_tables);
    tcase_add_test(c, a_standard_mode_beside_a_persistent_one_is_used_up_alone);
    tcase_add_test(c, a_recursive_watch_covers_what_is_below_by_components);
    tcase_add_test(c, a_watcher_is_hit_once_an_event);
    tcase_add_test(c, who_was_just_told_is_left_out_but_used_up);
    tcase_add_test(c, types_name_the_modes_they_remove);
    tcase_add_test(c, any_removes_all);
    tcase_add_test(c, an_unknown_type_finds_nothing);
    tcase_add_test(c, a_closed_connection_leaves_nothing);
    tcase_add_test(c, totals_count_as_zk_does);
    tcase_add_test(c, lists_show_the_data_table_once_a_pair);
    tcase_add_test(c, any_text_is_a_path);
    tcase_add_test(c, a_long_path_is_kept_whole);
    tcase_add_test(c, a_table_is_freed_with_what_it_holds);
    tcase_add_test(c, many_watchers_of_one_path_come_and_go);
    tcase_add_test(c, one_watcher_of_many_paths_comes_and_goes);
    tcase_add_test(c, a_watch_takes_at_most_24_bytes);
    tcase_add_loop_test(c, random_histories_agree_with_a_plain_list, 0, 8);
    tcase_add_test(c, equal_histories_tell_in_equal_order);
    suite_add_tcase(s, c);

    SRunner *runner = srunner_create(s);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed > 0;
}
