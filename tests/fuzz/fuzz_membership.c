/* Fuzz target of zab/config: a membership's text, as peers and dynamic files bring it, and
 * behind 0xff bytes what is joining, leaving, and a whole new membership.
 *
 * The first byte sets the rules. Broken laws abort:
 *   - what was read is printed as a text that is read as the same, and printed the same;
 *   - all voters together are a quorum, nobody is not, and of a set and the rest of it at
 *     most one is;
 *   - a note is one line of printable characters. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEPARATOR = 0xff };
#define VERSION INT64_C(0x100000007)

static void check_why(const char *why)
{
    zk_assert(why[0] != '\0');
    for (const char *c = why; *c != '\0'; c++)
        zk_assert(*c >= ' ' && *c <= '~');
}

static void check_round_trip(const struct zab_config *c, const struct zab_config_rules *rules)
{
    struct bytes once = { 0 }, twice = { 0 };
    struct zab_config *again = NULL;
    char why[ZAB_CONFIG_WHY_MAX];

    zab_config_print(c, &once);
    zk_assert(zab_config_parse(&again, (const char *)once.at, once.len, rules, why) == 0);
    zk_assert(again->version == c->version);
    zab_config_print(again, &twice);
    zk_assert(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
    bytes_done(&once);
    bytes_done(&twice);
    zab_config_unref(again);
}

static void check_quorums(const struct zab_config *c, uint8_t salt)
{
    zk_sid all[ZAB_MEMBERS_MAX], some[ZAB_MEMBERS_MAX], rest[ZAB_MEMBERS_MAX];
    size_t some_count = 0, rest_count = 0;

    zk_assert(c->count >= 1 && c->count <= ZAB_MEMBERS_MAX);
    for (size_t i = 0; i < c->count; i++) {
        all[i] = c->members[i].sid;
        if (((i * 7 + salt) >> 1) % 3 == 0)
            some[some_count++] = all[i];
        else
            rest[rest_count++] = all[i];
    }
    zk_assert(zab_config_is_quorum(c, all, c->count));
    zk_assert(!zab_config_is_quorum(c, all, 0));
    zk_assert(!zab_config_is_quorum(c, some, some_count) ||
              !zab_config_is_quorum(c, rest, rest_count));
}

/* Up to the next separator; null when there was none before. */
static struct jute_bytes take(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *from = *at;

    if (from == NULL)
        return (struct jute_bytes){ .len = -1 };
    const uint8_t *found = from < end ? memchr(from, SEPARATOR, (size_t)(end - from)) : NULL;
    *at = found != NULL ? found + 1 : NULL;
    return (struct jute_bytes){ .at = from,
                                .len = (int32_t)((found != NULL ? found : end) - from) };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zab_config *c = NULL, *next = NULL;
    char why[ZAB_CONFIG_WHY_MAX] = "";

    if (size == 0)
        return 0;
    struct zab_config_rules rules = { .standalone_enabled = data[0] & 1,
                                      .multi_address = data[0] & 2 };
    const uint8_t *at = data + 1, *end = data + size;
    struct jute_bytes text = take(&at, end);
    if (zab_config_parse(&c, (const char *)text.at, (size_t)text.len, &rules, why) < 0) {
        check_why(why);
        return 0;
    }
    check_round_trip(c, &rules);
    check_quorums(c, data[0]);
    struct jute_bytes joining = take(&at, end);
    struct jute_bytes leaving = take(&at, end);
    struct jute_bytes members = take(&at, end);
    if (zab_config_change(&next, c, joining, leaving, members, VERSION, &rules, why) < 0) {
        check_why(why);
    } else {
        zk_assert(next->version == VERSION);
        check_round_trip(next, &rules);
        check_quorums(next, data[0]);
    }
    zab_config_unref(next);
    zab_config_unref(c);
    return 0;
}
