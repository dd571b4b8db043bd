/* What the tests of auth share. Expected orders and forms were read off a real ZooKeeper
 * 3.9.5 and Java 17. */
#ifndef TESTS_UNIT_TEST_AUTH_LIB_H
#define TESTS_UNIT_TEST_AUTH_LIB_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/auth/auth_impl.h"

static const struct auth_conf plain = { .digest_enabled = true };

static inline struct idset *ids_of(const char *address)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return idset_of_address((const struct sockaddr *)(const void *)&in);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return idset_of_address((const struct sockaddr *)(const void *)&in6);
}

static inline enum auth_answer packet(const struct auth_conf *conf, struct idset **ids,
                                      const char *scheme, const char *data)
{
    struct jute_bytes text = { .len = -1 };

    return auth_packet(conf, ids, jute_text(scheme), data != NULL ? jute_text(data) : text);
}

/* "scheme:id " of each, in order. */
static inline const char *print_ids(const struct idset *ids)
{
    static char text[8192];
    size_t len = 0;
    struct jute_bytes scheme;
    struct jute_bytes id;

    text[0] = '\0';
    for (size_t i = 0; i < idset_count(ids); i++) {
        idset_at(ids, i, &scheme, &id);
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s:%.*s ", scheme.len, scheme.at,
                                id.len, id.at);
    }
    return text;
}

/* ---- A list of ACLs from "perms scheme id" triples; id NULL is null. */

struct entry {
    int32_t perms;
    const char *scheme, *id;
};

static inline struct jute_bytes text_or_null(const char *s)
{
    return s != NULL ? jute_text(s) : (struct jute_bytes){ .len = -1 };
}

static inline struct jute_vector list_of(struct bytes *elements, const struct entry *e,
                                         int32_t count)
{
    elements->len = 0;
    for (int32_t i = 0; i < count; i++)
        jute_write_acl(elements, (struct jute_acl){ .perms = e[i].perms,
                                                    .scheme = text_or_null(e[i].scheme),
                                                    .id = text_or_null(e[i].id) });
    return jute_vector_of(elements, count);
}

static inline const char *print_list(const struct bytes *vector)
{
    static char text[8192];
    size_t len = 0;
    struct jute_in in = jute_in(vector->at, vector->len);
    struct jute_vector v;
    struct jute_acl acl;

    jute_read_acls(&in, &v);
    ck_assert(!in.bad);
    ck_assert_ptr_eq(in.at, in.end);
    text[0] = '\0';

    struct jute_in walk = jute_walk(v);

    while (jute_next_acl(&walk, &acl))
        len += (size_t)snprintf(text + len, sizeof text - len, "%d %.*s:%.*s;", acl.perms,
                                acl.scheme.len, acl.scheme.at, acl.id.len, acl.id.at);
    return text;
}

static inline enum zk_err fix(const struct auth_conf *conf, const struct idset *ids,
                              const struct entry *e, int32_t count, char ret[512])
{
    struct bytes elements = { 0 };
    struct bytes out = { 0 };

    bytes_put(&out, "before", 6);

    enum zk_err err = auth_fix_acls(conf, ids, list_of(&elements, e, count), &out);

    ck_assert_mem_eq(out.at, "before", 6);
    if (err != ZK_OK) {
        ck_assert_uint_eq(out.len, 6);
    } else {
        bytes_drop(&out, 6);
        (void)snprintf(ret, 512, "%s", print_list(&out));
    }
    bytes_done(&out);
    bytes_done(&elements);
    return err;
}

static inline int run_tests(TCase *tests)
{
    Suite *suite = suite_create("auth");

    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
