/* server/auth: identities, auth packets, names, enforcement. */
#include "tests/unit/test_auth_lib.h"

/* ---- Addresses. */

START_TEST(an_address_is_printed_as_java_does)
{
    static const char *const cases[][2] = {
        { "10.0.0.7", "ip:10.0.0.7 " },
        { "255.255.255.255", "ip:255.255.255.255 " },
        { "::1", "ip:0:0:0:0:0:0:0:1 " },
        { "2001:db8::ABCD:12", "ip:2001:db8:0:0:0:0:abcd:12 " },
        { "::ffff:192.168.1.2", "ip:192.168.1.2 " },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct idset *ids = ids_of(cases[i][0]);

        ck_assert_str_eq(print_ids(ids), cases[i][1]);
        ck_assert_ptr_null(idset_unref(ids));
    }
}
END_TEST

START_TEST(ip_patterns_are_valid_as_in_zookeeper)
{
    static const struct {
        const char *id;
        bool is_valid;
    } cases[] = {
        { "1.2.3.4", true },
        { "1.2.3.4/0", true },
        { "1.2.3.4/32", true },
        { "1.2.3.4/33", false },
        { "1.2.3.4/-1", false },
        { "1.2.3.4/", false },
        { "1.2.3", false },
        { "1.2.3.4.5", false },
        { "1.2.3.256", false },
        { "001.+2.3.4", true },
        { "1.2.3.-0", true },
        { "", false },
        { "a.b.c.d", false },
        { "1.2.3.4/8/8", false },
        { "1.2.3.", false },
        { "1:2:3:4:5:6:7:8", true },
        { "::", true },
        { "::1/128", true },
        { "::1/129", false },
        { "1:2:3:4:5:6:7", false },
        { "1::2::3", false },
        { ":::", false },
        { "1:2:3:4::5:6:7:8", false },
        { "::12345", false },
        { "::ffff:1.2.3.4", false },
        { "1:2:3:4:5:6:7::", true },
        { "g::", false },
        { "1.2.3.4/99999999999", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(auth_ip_is_valid(jute_text(cases[i].id)) == cases[i].is_valid, "%s",
                      cases[i].id);
}
END_TEST

START_TEST(ip_patterns_match_by_their_bits)
{
    static const struct {
        const char *id, *pattern;
        bool matches;
    } cases[] = {
        { "10.1.2.3", "10.1.2.3", true },           { "10.1.2.3", "10.1.2.4", false },
        { "10.1.2.3", "10.1.0.0/16", true },        { "10.2.2.3", "10.1.0.0/16", false },
        { "10.1.2.3", "10.1.2.2/31", true },        { "10.1.2.3", "10.1.2.4/31", false },
        { "10.1.2.3", "0.0.0.0/0", true },          { "10.1.2.3", "::/0", false },
        { "0:0:0:0:0:0:0:1", "::1", true },         { "0:0:0:0:0:0:0:1", "0:0::/64", true },
        { "fe80:0:0:0:0:0:0:1", "fe00::/8", true }, { "fe80:0:0:0:0:0:0:1", "fe00::/9", false },
        { "10.1.2.3", "nonsense", false },          { "10.1.2.3", "10.1.2.3/x", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(auth_ip_matches(jute_text(cases[i].id), jute_text(cases[i].pattern)) ==
                          cases[i].matches,
                      "%s %s", cases[i].id, cases[i].pattern);
}
END_TEST

/* ---- Digests and auth packets. */

START_TEST(a_digest_id_is_user_and_hash_of_both)
{
    static const struct {
        const char *algorithm, *text, *id;
    } cases[] = {
        { NULL, "bob:secret", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=" },
        { "SHA1", "bob:secret", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=" },
        { "SHA-256", "a:b", "a:Z4OjHqv2jMwGYPk1wIJigr3SJB86gKny0Q1Zrqnrtdg=" },
        { NULL, "nocolon", "nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g=" },
        { NULL, "", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=" },
    };
    struct bytes out = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        out.len = 0;
        ck_assert(auth_digest_id(&out, cases[i].algorithm, jute_text(cases[i].text)));
        ck_assert_uint_eq(out.len, strlen(cases[i].id));
        ck_assert_mem_eq(out.at, cases[i].id, out.len);
    }
    ck_assert(!auth_digest_id(&out, "ROT13", jute_text("a:b")));
    bytes_done(&out);
}
END_TEST

START_TEST(ids_are_in_the_order_of_javas_set)
{
    static const char want[] = "digest:u2 digest:u4 digest:u3 digest:u1 super: digest:u0 digest:u5 "
                               "ip:127.0.0.1 ";
    struct auth_conf conf = plain;
    struct bytes super = { 0 };
    struct idset *ids = ids_of("127.0.0.1");
    char text[32];
    char got[256] = "";

    ck_assert(auth_digest_id(&super, NULL,
                             jute_text("u0:p\xc3\xa4\xf0\x9f\x98\x80"
                                       "0")));
    bytes_put(&super, "", 1);
    conf.super_digest = (const char *)super.at;
    for (int i = 0; i <= 5; i++) {
        (void)snprintf(text, sizeof text, "u%d:p\xc3\xa4\xf0\x9f\x98\x80%d", i, i);
        ck_assert_int_eq(packet(&conf, &ids, "digest", text), AUTH_OK);
    }
    for (size_t i = 0; i < idset_count(ids); i++) {
        struct jute_bytes scheme;
        struct jute_bytes id;

        idset_at(ids, i, &scheme, &id);
        if (scheme.len == 6)
            id.len = 2;
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s:%.*s ", scheme.len,
                       scheme.at, id.len, id.at);
    }
    ck_assert_str_eq(got, want);
    bytes_done(&super);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(requests_keep_the_ids_that_they_came_with)
{
    struct idset *ids = ids_of("1.2.3.4");
    struct idset *before = idset_ref(ids);

    ck_assert_int_eq(packet(&plain, &ids, "digest", "a:b"), AUTH_OK);
    ck_assert_ptr_ne(ids, before);
    ck_assert_uint_eq(idset_count(before), 1);
    ck_assert_uint_eq(idset_count(ids), 2);
    /* The same once more changes nothing. */
    (void)idset_unref(before);
    before = ids;
    ck_assert_int_eq(packet(&plain, &ids, "digest", "a:b"), AUTH_OK);
    ck_assert_ptr_eq(ids, before);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(packets_are_answered_as_in_zookeeper)
{
    static const struct auth_conf all = {
        .digest_enabled = true,
        .sasl_provider = true,
        .x509_provider = true,
        .ensemble_provider = true,
        .ensemble_names = "one, two",
    };
    static const struct auth_conf none = { 0 };
    struct idset *ids = ids_of("1.2.3.4");

    ck_assert_int_eq(packet(&plain, &ids, "ip", "whatever"), AUTH_OK);
    ck_assert_int_eq(packet(&plain, &ids, "ip", NULL), AUTH_OK);
    ck_assert_int_eq(packet(&plain, &ids, "digest", NULL), AUTH_FAILED);
    ck_assert_int_eq(packet(&plain, &ids, "world", "anyone"), AUTH_FAILED);
    ck_assert_int_eq(packet(&plain, &ids, "super", ""), AUTH_FAILED);
    ck_assert_int_eq(packet(&plain, &ids, "auth", ""), AUTH_FAILED);
    ck_assert_int_eq(packet(&plain, &ids, "nobody", ""), AUTH_FAILED);
    ck_assert_int_eq(auth_packet(&plain, &ids, text_or_null(NULL), jute_text("a:b")), AUTH_FAILED);
    ck_assert_int_eq(packet(&plain, &ids, "ensemble", "one"), AUTH_FAILED);
    ck_assert_int_eq(packet(&none, &ids, "digest", "a:b"), AUTH_FAILED);
    ck_assert_int_eq(packet(&all, &ids, "sasl", "a"), AUTH_FAILED);
    ck_assert_int_eq(packet(&all, &ids, "x509", "a"), AUTH_FAILED);
    ck_assert_int_eq(packet(&all, &ids, "ensemble", "two"), AUTH_OK);
    ck_assert_int_eq(packet(&all, &ids, "ensemble", "three"), AUTH_CLOSE);
    ck_assert_int_eq(packet(&all, &ids, "ensemble", NULL), AUTH_OK);
    ck_assert_str_eq(print_ids(ids), "ip:1.2.3.4 ");
    ck_assert_int_eq(packet(&all, &ids, "digest", ""), AUTH_OK);
    ck_assert_uint_eq(idset_count(ids), 2);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(ids_of_a_connection_are_bounded)
{
    struct idset *ids = ids_of("1.2.3.4");
    char text[AUTH_IDS_BYTES_MAX + 8];
    int added = 0;

    memset(text, 'u', sizeof text);
    text[AUTH_IDS_BYTES_MAX + 1] = '\0';
    ck_assert_int_eq(packet(&plain, &ids, "digest", text), AUTH_FAILED);
    ck_assert_uint_eq(idset_count(ids), 1);
    do
        (void)snprintf(text, sizeof text, "%d:x", added);
    while (packet(&plain, &ids, "digest", text) == AUTH_OK && ++added < 1000);
    ck_assert_int_eq(added, AUTH_IDS_MAX - 1);
    ck_assert_uint_eq(idset_count(ids), AUTH_IDS_MAX);
    (void)idset_unref(ids);
}
END_TEST

START_TEST(who_am_i_shows_users)
{
    struct auth_conf conf = plain;
    struct idset *ids = ids_of("1.2.3.4");
    const char *users[3];
    struct jute_bytes text;
    struct jute_bytes id;

    conf.super_digest = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=";
    ck_assert_int_eq(packet(&conf, &ids, "digest", "bob:secret"), AUTH_OK);
    ck_assert_uint_eq(idset_count(ids), 3);
    for (size_t i = 0; i < 3; i++) {
        idset_at(ids, i, &text, &id);
        users[i] = jute_is_text(text, "ip") ? "1.2.3.4" : jute_is_text(text, "super") ? "" : "bob";
        ck_assert(jute_is_text(idset_user_at(&conf, ids, i), users[i]));
    }
    (void)idset_unref(ids);
}
END_TEST

/* ---- Names and enforcement. */

START_TEST(distinguished_names_are_read_as_java_does)
{
    static const struct {
        bool is_valid;
        const char *text;
    } cases[] = {
        { true, "" },
        { true, "CN=a" },
        { true, "cn=a,O=b" },
        { true, "CN=a+OU=c;C=DE" },
        { false, "a" },
        { false, "CN" },
        { false, "=x" },
        { false, "XX=y" },
        { true, "1.2=z" },
        { true, "OID.1.2.3=z" },
        { false, "OID.1=z" },
        { true, "CN=\"a,b\"" },
        { false, "CN=\"a" },
        { false, "CN=#0405" },
        { false, "CN=#040" },
        { true, "CN=#0c0161" },
        { false, "CN=a<b" },
        { true, "CN=a\\,b" },
        { false, "CN=a\\zz" },
        { true, "CN=a\\41b" },
        { true, "CN=,O=b" },
        { false, "CN=a," },
        { false, "CN=a,,O=b" },
        { true, " CN = a , O = b" },
        { true, "CN=a=b" },
        { true, "CN=a#b" },
        { true, "UID=q" },
        { false, "CN=\"a\" x" },
        { false, "1=z" },
        { false, "3.2=z" },
        { false, "CN=#" },
        { true, "DNQ=x" },
        { false, "SN=x" },
        { true, "serialNumber=1" },
        { false, "1.2.=q" },
        { false, "CN=a\\" },
        { false, "1.40=z" },
        { true, "0.39=z" },
        { true, "CN=\xc3\xa4" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(auth_x509_is_valid(jute_text(cases[i].text)) == cases[i].is_valid, "%s",
                      cases[i].text);
}
END_TEST

START_TEST(enforcement_wants_one_of_the_schemes)
{
    struct auth_conf conf = plain;
    struct idset *ids = ids_of("1.2.3.4");

    ck_assert(auth_is_enough(&conf, ids));
    conf.enforced_schemes = "sasl,digest";
    ck_assert(!auth_is_enough(&conf, ids));
    ck_assert_int_eq(packet(&conf, &ids, "digest", "a:b"), AUTH_OK);
    ck_assert(auth_is_enough(&conf, ids));
    conf.enforced_schemes = "ip";
    ck_assert(auth_is_enough(&conf, ids));
    (void)idset_unref(ids);
}
END_TEST

START_TEST(a_bad_configuration_is_named)
{
    struct auth_conf conf = plain;

    ck_assert_ptr_null(auth_conf_check(&conf));
    conf.enforced_schemes = "digest, ip";
    ck_assert_ptr_null(auth_conf_check(&conf));
    conf.enforced_schemes = "sasl";
    ck_assert_ptr_nonnull(auth_conf_check(&conf));
    conf.enforced_schemes = " , ";
    ck_assert_ptr_nonnull(auth_conf_check(&conf));
    conf.enforced_schemes = NULL;
    conf.digest_algorithm = "SHA3-256";
    ck_assert_ptr_null(auth_conf_check(&conf));
    conf.digest_algorithm = "SHA-512/256";
    ck_assert_ptr_null(auth_conf_check(&conf));
    conf.digest_algorithm = "CRC";
    ck_assert_ptr_nonnull(auth_conf_check(&conf));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("auth");

    tcase_add_test(tests, an_address_is_printed_as_java_does);
    tcase_add_test(tests, ip_patterns_are_valid_as_in_zookeeper);
    tcase_add_test(tests, ip_patterns_match_by_their_bits);
    tcase_add_test(tests, a_digest_id_is_user_and_hash_of_both);
    tcase_add_test(tests, ids_are_in_the_order_of_javas_set);
    tcase_add_test(tests, requests_keep_the_ids_that_they_came_with);
    tcase_add_test(tests, packets_are_answered_as_in_zookeeper);
    tcase_add_test(tests, ids_of_a_connection_are_bounded);
    tcase_add_test(tests, who_am_i_shows_users);
    tcase_add_test(tests, distinguished_names_are_read_as_java_does);
    tcase_add_test(tests, enforcement_wants_one_of_the_schemes);
    tcase_add_test(tests, a_bad_configuration_is_named);
    return run_tests(tests);
}
