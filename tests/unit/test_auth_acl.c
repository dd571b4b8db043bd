/* server/auth: ACLs, what they allow and what a list in a request becomes. */
#include "tests/unit/test_auth_lib.h"

/* ---- May they? */

START_TEST(rights_follow_the_list)
{
    static const struct entry list[] = {
        { ZK_PERM_READ, "world", "anyone" },
        { ZK_PERM_WRITE, "ip", "10.0.0.0/8" },
        { ZK_PERM_DELETE, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=" },
        { ZK_PERM_ALL, "digest", "eve:x" },
        { ZK_PERM_ADMIN, "nobody", "x" },
    };
    struct bytes elements = { 0 };
    struct jute_vector acls = list_of(&elements, list, 5);
    struct idset *near = ids_of("10.9.8.7");
    struct idset *far = ids_of("11.9.8.7");

    ck_assert(auth_allows(&plain, far, acls, ZK_PERM_READ));
    ck_assert(!auth_allows(&plain, far, acls, ZK_PERM_WRITE));
    ck_assert(auth_allows(&plain, near, acls, ZK_PERM_WRITE));
    ck_assert(!auth_allows(&plain, near, acls, ZK_PERM_DELETE));
    ck_assert_int_eq(packet(&plain, &near, "digest", "bob:secret"), AUTH_OK);
    ck_assert(auth_allows(&plain, near, acls, ZK_PERM_DELETE));
    ck_assert(!auth_allows(&plain, near, acls, ZK_PERM_ADMIN));
    ck_assert(auth_allows(&plain, near, acls, ZK_PERM_ADMIN | ZK_PERM_READ));
    (void)idset_unref(near);
    (void)idset_unref(far);
    bytes_done(&elements);
}
END_TEST

START_TEST(some_need_no_list)
{
    static const struct entry list[] = { { ZK_PERM_READ, "digest", "eve:x" } };
    static const struct auth_conf skip = { .skip_acl = true };
    struct auth_conf super = plain;
    struct bytes elements = { 0 };
    struct jute_vector acls = list_of(&elements, list, 1);
    struct idset *ids = ids_of("11.9.8.7");

    super.super_digest = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=";
    ck_assert(!auth_allows(&super, ids, acls, ZK_PERM_READ));
    ck_assert(auth_allows(&skip, ids, acls, ZK_PERM_ADMIN));
    ck_assert(auth_allows(&plain, ids, (struct jute_vector){ .count = -1 }, ZK_PERM_ADMIN));
    ck_assert(auth_allows(&plain, ids, (struct jute_vector){ .count = 0 }, ZK_PERM_ADMIN));
    ck_assert_int_eq(packet(&super, &ids, "digest", "bob:secreT"), AUTH_OK);
    ck_assert(!auth_allows(&super, ids, acls, ZK_PERM_READ));
    ck_assert_int_eq(packet(&super, &ids, "digest", "bob:secret"), AUTH_OK);
    ck_assert(auth_allows(&super, ids, acls, ZK_PERM_ADMIN));
    (void)idset_unref(ids);
    bytes_done(&elements);
}
END_TEST

START_TEST(a_scheme_that_is_off_matches_nobody)
{
    static const struct entry list[] = { { ZK_PERM_ALL, "digest", "a:b" },
                                         { ZK_PERM_ALL, "sasl", "u" },
                                         { ZK_PERM_ALL, "x509", "CN=u" } };
    static const struct auth_conf off = { 0 };
    static const struct auth_conf on = { .digest_enabled = true,
                                         .sasl_provider = true,
                                         .x509_provider = true,
                                         .x509_super_user = "CN=root",
                                         .let_any_sasl = "u" };
    static const char *const ids_that_match[][2] = {
        { "digest", "a:b" },    { "sasl", "u" },    { "sasl", "super" },
        { "sasl", "somebody" }, { "x509", "CN=u" }, { "x509", "CN=root" },
    };
    struct bytes elements = { 0 };
    struct jute_vector acls = list_of(&elements, list, 3);

    for (size_t i = 0; i < sizeof ids_that_match / sizeof ids_that_match[0]; i++) {
        struct idset *ids = ids_of("1.1.1.1");

        ck_assert(!auth_allows(&on, ids, acls, ZK_PERM_READ));
        ck_assert_int_eq(
            auth_idset_add(&ids, jute_text(ids_that_match[i][0]), jute_text(ids_that_match[i][1])),
            1);
        ck_assert_msg(auth_allows(&on, ids, acls, ZK_PERM_READ), "%s", ids_that_match[i][1]);
        ck_assert(!auth_allows(&off, ids, acls, ZK_PERM_READ));
        (void)idset_unref(ids);
    }
    bytes_done(&elements);
}
END_TEST

/* ---- The fix-up. */

START_TEST(lists_become_what_zookeeper_makes_of_them)
{
    static const struct auth_conf on = { .digest_enabled = true,
                                         .sasl_provider = true,
                                         .x509_provider = true,
                                         .ensemble_provider = true };
    static const struct {
        struct entry list[4];
        enum zk_err err;
        const char *text;
    } cases[] = {
        { { { 31, "world", "anyone" } }, ZK_OK, "31 world:anyone;" },
        { { { 0, "world", "anyone" }, { -1, "world", "anyone" }, { 0, "world", "anyone" } },
          ZK_OK,
          "0 world:anyone;-1 world:anyone;" },
        { { { 31, "world", "me" } }, ZK_INVALID_ACL, "" },
        { { { 31, "world", NULL } }, ZK_MARSHALLING_ERROR, "" },
        { { { 1, "ip", "1.2.3.4/8" }, { 2, "ip", "::1" } }, ZK_OK, "1 ip:1.2.3.4/8;2 ip:::1;" },
        { { { 1, "ip", "1.2.3" } }, ZK_INVALID_ACL, "" },
        { { { 1, "ip", NULL } }, ZK_MARSHALLING_ERROR, "" },
        { { { 1, "digest", "a:b" } }, ZK_OK, "1 digest:a:b;" },
        { { { 1, "digest", ":b" } }, ZK_OK, "1 digest::b;" },
        { { { 1, "digest", "a:b::" } }, ZK_OK, "1 digest:a:b::;" },
        { { { 1, "digest", "a:" } }, ZK_INVALID_ACL, "" },
        { { { 1, "digest", "a" } }, ZK_INVALID_ACL, "" },
        { { { 1, "digest", "" } }, ZK_INVALID_ACL, "" },
        { { { 1, "digest", "a:b:c" } }, ZK_INVALID_ACL, "" },
        { { { 1, "digest", "a::b" } }, ZK_INVALID_ACL, "" },
        { { { 1, "digest", NULL } }, ZK_MARSHALLING_ERROR, "" },
        { { { 1, "sasl", "a/b@c" } }, ZK_OK, "1 sasl:a/b@c;" },
        { { { 1, "sasl", "a/b/c" } }, ZK_OK, "1 sasl:a/b/c;" },
        { { { 1, "sasl", "a/b/c@d" } }, ZK_INVALID_ACL, "" },
        { { { 1, "sasl", "a@b@c" } }, ZK_INVALID_ACL, "" },
        { { { 1, "sasl", "a@b/c" } }, ZK_INVALID_ACL, "" },
        { { { 1, "x509", "CN=a,O=b" } }, ZK_OK, "1 x509:CN=a,O=b;" },
        { { { 1, "x509", "a" } }, ZK_INVALID_ACL, "" },
        { { { 1, "ensemble", "a" } }, ZK_INVALID_ACL, "" },
        { { { 1, "super", "" } }, ZK_INVALID_ACL, "" },
        { { { 1, NULL, "a" } }, ZK_INVALID_ACL, "" },
        { { { 1, "nobody", NULL } }, ZK_INVALID_ACL, "" },
        /* An earlier problem is the one that counts. */
        { { { 1, "ip", NULL }, { 1, "nobody", "x" } }, ZK_MARSHALLING_ERROR, "" },
        { { { 1, "nobody", "x" }, { 1, "ip", NULL } }, ZK_INVALID_ACL, "" },
        /* Null parts fail to be compared before anything else is looked at. */
        { { { 1, "nobody", "x" }, { 1, NULL, "x" } }, ZK_MARSHALLING_ERROR, "" },
        { { { 2, "nobody", "x" }, { 1, NULL, "x" } }, ZK_INVALID_ACL, "" },
        { { { 1, "nobody", "x" }, { 1, "nobody", NULL } }, ZK_MARSHALLING_ERROR, "" },
        /* Each id of the connection that proves something; its text does not matter. */
        { { { 3, "auth", "ignored" }, { 1, "world", "anyone" } },
          ZK_OK,
          "3 digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=;1 world:anyone;" },
        { { { 3, "auth", NULL } }, ZK_OK, "3 digest:bob:fyVmFCwVbTJYrznoSu1koqYEYF0=;" },
        /* Bytes that are no text are kept as ZooKeeper reads them. */
        { { { 1, "digest", "a\xff:b" } }, ZK_OK, "1 digest:a\xef\xbf\xbd:b;" },
    };
    struct idset *ids = ids_of("1.2.3.4");
    char text[512];

    ck_assert_int_eq(packet(&on, &ids, "digest", "bob:secret"), AUTH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t count = 0;

        while (count < 4 &&
               (cases[i].list[count].scheme != NULL || cases[i].list[count].id != NULL))
            count++;
        ck_assert_msg(fix(&on, ids, cases[i].list, count, text) == cases[i].err, "case %zu", i);
        if (cases[i].err == ZK_OK)
            ck_assert_str_eq(text, cases[i].text);
    }
    (void)idset_unref(ids);
}
END_TEST

START_TEST(empty_lists_and_auth_without_identity_are_invalid)
{
    static const struct entry list[] = { { 31, "auth", "" } };
    static const struct auth_conf off = { 0 };
    struct bytes out = { 0 };
    struct idset *ids = ids_of("1.2.3.4");
    char text[512];

    ck_assert_int_eq(fix(&plain, ids, list, 0, text), ZK_INVALID_ACL);
    ck_assert_int_eq(auth_fix_acls(&plain, ids, (struct jute_vector){ .count = -1 }, &out),
                     ZK_INVALID_ACL);
    ck_assert_int_eq(fix(&plain, ids, list, 1, text), ZK_INVALID_ACL);
    ck_assert_int_eq(packet(&plain, &ids, "digest", "a:b"), AUTH_OK);
    ck_assert_int_eq(fix(&plain, ids, list, 1, text), ZK_OK);
    ck_assert_int_eq(fix(&off, ids, list, 1, text), ZK_INVALID_ACL);
    (void)idset_unref(ids);
    bytes_done(&out);
}
END_TEST

START_TEST(long_lists_lose_their_duplicates_in_order)
{
    enum { DISTINCT = 2000 };
    struct bytes elements = { 0 };
    struct bytes out = { 0 };
    struct idset *ids = ids_of("1.2.3.4");
    struct jute_acl acl;

    for (int i = 0; i < 3 * DISTINCT; i++)
        jute_write_acl(&elements, (struct jute_acl){ .perms = i * 7 % DISTINCT,
                                                     .scheme = jute_text("world"),
                                                     .id = jute_text("anyone") });
    ck_assert_int_eq(auth_fix_acls(&plain, ids, jute_vector_of(&elements, 3 * DISTINCT), &out),
                     ZK_OK);

    struct jute_in in = jute_in(out.at, out.len);
    struct jute_vector v;

    jute_read_acls(&in, &v);
    ck_assert_int_eq(v.count, DISTINCT);

    struct jute_in walk = jute_walk(v);

    for (int i = 0; jute_next_acl(&walk, &acl); i++)
        ck_assert_int_eq(acl.perms, i * 7 % DISTINCT);
    bytes_done(&elements);
    bytes_done(&out);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(an_expanded_list_is_bounded)
{
    struct bytes elements = { 0 };
    struct bytes out = { 0 };
    struct idset *ids = ids_of("1.2.3.4");
    char user[64];

    for (int i = 0; i < 200; i++) {
        (void)snprintf(user, sizeof user, "user-%d:x", i);
        ck_assert_int_eq(packet(&plain, &ids, "digest", user), AUTH_OK);
    }
    for (int i = 0; i < 1000; i++)
        jute_write_acl(
            &elements,
            (struct jute_acl){ .perms = i, .scheme = jute_text("auth"), .id = jute_text("") });
    ck_assert_int_eq(auth_fix_acls(&plain, ids, jute_vector_of(&elements, 1000), &out),
                     ZK_INVALID_ACL);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_le(out.cap, 2 * (size_t)ACL_BYTES_MAX);
    bytes_done(&elements);
    bytes_done(&out);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(digests_are_masked)
{
    static const struct entry list[] = {
        { 1, "digest", "a:hash" }, { 2, "ip", "::1" },      { 3, "digest", "nocolon" },
        { 4, "sasl", "a:b" },      { 5, "digest", ":b:c" },
    };
    struct bytes elements = { 0 };
    struct bytes out = { 0 };

    auth_mask_acls(list_of(&elements, list, 5), &out);
    ck_assert_str_eq(print_list(&out), "1 digest:a:x;2 ip:::1;3 digest:nocolon;4 sasl:a:b;"
                                       "5 digest::x;");
    bytes_done(&elements);
    bytes_done(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("auth_acl");

    tcase_add_test(tests, rights_follow_the_list);
    tcase_add_test(tests, some_need_no_list);
    tcase_add_test(tests, a_scheme_that_is_off_matches_nobody);
    tcase_add_test(tests, lists_become_what_zookeeper_makes_of_them);
    tcase_add_test(tests, empty_lists_and_auth_without_identity_are_invalid);
    tcase_add_test(tests, long_lists_lose_their_duplicates_in_order);
    tcase_add_test(tests, an_expanded_list_is_bounded);
    tcase_add_test(tests, digests_are_masked);
    return run_tests(tests);
}
