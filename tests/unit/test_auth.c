/* server/auth/auth: identities, ACLs, auth packets. Expected orders and forms were read
 * off a real ZooKeeper 3.9.5 and Java 17. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/auth/auth_impl.h"

static const struct auth_conf plain = { .digest_enabled = true };

static struct idset *ids_of(const char *address)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return idset_of_address((const struct sockaddr *)(const void *)&in);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return idset_of_address((const struct sockaddr *)(const void *)&in6);
}

static enum auth_answer packet(const struct auth_conf *conf, struct idset **ids, const char *scheme,
                               const char *data)
{
    struct jute_bytes text = { .len = -1 };

    return auth_packet(conf, ids, jute_text(scheme), data != NULL ? jute_text(data) : text);
}

/* "scheme:id " of each, in order. */
static const char *print_ids(const struct idset *ids)
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

static struct jute_bytes text_or_null(const char *s)
{
    return s != NULL ? jute_text(s) : (struct jute_bytes){ .len = -1 };
}

static struct jute_vector list_of(struct bytes *elements, const struct entry *e, int32_t count)
{
    elements->len = 0;
    for (int32_t i = 0; i < count; i++)
        jute_write_acl(elements, (struct jute_acl){ .perms = e[i].perms,
                                                    .scheme = text_or_null(e[i].scheme),
                                                    .id = text_or_null(e[i].id) });
    return jute_vector_of(elements, count);
}

static const char *print_list(const struct bytes *vector)
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

static enum zk_err fix(const struct auth_conf *conf, const struct idset *ids, const struct entry *e,
                       int32_t count, char ret[512])
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
    ck_assert_uint_le(out.cap, 2 * ACL_BYTES_MAX);
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
    Suite *suite = suite_create("auth");

    tcase_add_test(tests, an_address_is_printed_as_java_does);
    tcase_add_test(tests, ip_patterns_are_valid_as_in_zookeeper);
    tcase_add_test(tests, ip_patterns_match_by_their_bits);
    tcase_add_test(tests, a_digest_id_is_user_and_hash_of_both);
    tcase_add_test(tests, ids_are_in_the_order_of_javas_set);
    tcase_add_test(tests, requests_keep_the_ids_that_they_came_with);
    tcase_add_test(tests, packets_are_answered_as_in_zookeeper);
    tcase_add_test(tests, ids_of_a_connection_are_bounded);
    tcase_add_test(tests, who_am_i_shows_users);
    tcase_add_test(tests, rights_follow_the_list);
    tcase_add_test(tests, some_need_no_list);
    tcase_add_test(tests, a_scheme_that_is_off_matches_nobody);
    tcase_add_test(tests, lists_become_what_zookeeper_makes_of_them);
    tcase_add_test(tests, empty_lists_and_auth_without_identity_are_invalid);
    tcase_add_test(tests, long_lists_lose_their_duplicates_in_order);
    tcase_add_test(tests, an_expanded_list_is_bounded);
    tcase_add_test(tests, digests_are_masked);
    tcase_add_test(tests, distinguished_names_are_read_as_java_does);
    tcase_add_test(tests, enforcement_wants_one_of_the_schemes);
    tcase_add_test(tests, a_bad_configuration_is_named);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
