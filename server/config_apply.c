/* One value of one key: read by its type, checked, stored where the table says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "util/check.h"

enum outcome { VALUE_GOOD, VALUE_BAD };

static void *member(struct config *conf, const struct config_key *key)
{
    return (char *)conf + key->offset;
}

static void store_text(struct config *conf, const struct config_key *key, const char *text)
{
    if (key->field != FIELD_TEXT)
        return;
    char **at = member(conf, key);
    size_t size = strlen(text) + 1;
    free(*at);
    *at = memcpy(zk_xmalloc(size), text, size);
}

static void store_number(struct config *conf, const struct config_key *key, int64_t v)
{
    v *= key->scale != 0 ? key->scale : 1;
    if (key->field == FIELD_INT)
        *(int32_t *)member(conf, key) = (int32_t)v;
    else if (key->field == FIELD_LONG)
        *(int64_t *)member(conf, key) = v;
}

static void store_double(struct config *conf, const struct config_key *key, double v)
{
    if (key->field == FIELD_DOUBLE)
        *(double *)member(conf, key) = v;
}

static void store_bool(struct config *conf, const struct config_key *key, bool v)
{
    if (key->field == FIELD_BOOL)
        *(bool *)member(conf, key) = v;
}

static bool is_lenient(enum key_type type)
{
    return type == KEY_DECODE_INT || type == KEY_DECODE_LONG || type == KEY_LENIENT_LONG ||
           type == KEY_LENIENT_DOUBLE;
}

static bool is_int(enum key_type type)
{
    return type == KEY_INT || type == KEY_DECODE_INT;
}

static bool read_number(int64_t *ret, const struct config_key *key, const char *text)
{
    bool decode = key->type == KEY_DECODE_INT || key->type == KEY_DECODE_LONG;
    int64_t v;

    if (!(decode ? java_decode_long(&v, text) : java_parse_long(&v, text)))
        return false;
    if (is_int(key->type) && (v < INT32_MIN || v > INT32_MAX))
        return false;
    *ret = v;
    return true;
}

static void say_no_number(struct config_load *l, const struct config_given *given)
{
    const struct config_key *key = given->key;

    if (!is_lenient(key->type))
        config_say(l, CONFIG_ERROR, given, "%s: '%.60s' is not a valid number", given->name,
                   given->value);
    else
        config_say(l, CONFIG_WARNING, given,
                   "%s: '%.60s' is not a valid number: the default (%s) counts, as in "
                   "ZooKeeper",
                   given->name, given->value, key->value != NULL ? key->value : "none");
}

/* Brings the number into the range of its key, or says that it is out of it. */
static enum outcome check_range(struct config_load *l, const struct config_given *given, int64_t *v)
{
    const struct config_key *key = given->key;
    int64_t min = key->min, max = key->max;

    if ((min == 0 && max == 0) || (*v >= min && *v <= max))
        return VALUE_GOOD;
    if (!key->clamps) {
        config_say(l, CONFIG_ERROR, given, "%s must be from %" PRId64 " to %" PRId64, given->name,
                   min, max);
        return VALUE_BAD;
    }
    *v = *v < min ? min : max;
    config_say(l, CONFIG_WARNING, given, "%s is out of its range: %" PRId64 " counts", given->name,
               *v);
    return VALUE_GOOD;
}

static void apply_number(struct config_load *l, const struct config_given *given)
{
    int64_t v;

    if (!read_number(&v, given->key, given->value))
        say_no_number(l, given);
    else if (check_range(l, given, &v) == VALUE_GOOD)
        store_number(l->conf, given->key, v);
}

static void apply_double(struct config_load *l, const struct config_given *given)
{
    double v;

    if (java_parse_double(&v, given->value))
        store_double(l->conf, given->key, v);
    else
        say_no_number(l, given);
}

/* Says what is odd about a truth value. Returns whether it stops the start. */
static enum outcome check_bool(struct config_load *l, const struct config_given *given)
{
    bool is_known = java_is_true(given->value) || java_is_false(given->value);

    if (is_known)
        return VALUE_GOOD;
    if (given->key->type == KEY_BOOL_STRICT) {
        config_say(l, CONFIG_ERROR, given, "%s must be true or false", given->name);
        return VALUE_BAD;
    }
    config_say(l, CONFIG_WARNING, given,
               "%s is neither true nor false: taken as false, as in ZooKeeper", given->name);
    return VALUE_GOOD;
}

static void apply_yes_no(struct config_load *l, const struct config_given *given, const char *word,
                         bool when_equal)
{
    if (strcmp(given->value, "yes") != 0 && strcmp(given->value, "no") != 0)
        config_say(l, CONFIG_WARNING, given,
                   "%s is neither yes nor no: taken as %s, as in ZooKeeper", given->name,
                   when_equal ? "no" : "yes");
    store_bool(l->conf, given->key, (strcmp(given->value, word) == 0) == when_equal);
}

static void apply_text(struct config_load *l, const struct config_given *given)
{
    if (given->value[0] == '\0' && given->key->kind == KEY_FILE &&
        given->key->status == KEY_HONOURED)
        config_say(l, CONFIG_ERROR, given, "%s is empty", given->name);
    else
        store_text(l->conf, given->key, given->value);
}

static void apply_by_type(struct config_load *l, const struct config_given *given)
{
    switch (given->key->type) {
    case KEY_TEXT:
        apply_text(l, given);
        break;
    case KEY_INT:
    case KEY_LONG:
    case KEY_DECODE_INT:
    case KEY_DECODE_LONG:
    case KEY_LENIENT_LONG:
        apply_number(l, given);
        break;
    case KEY_DOUBLE:
    case KEY_LENIENT_DOUBLE:
        apply_double(l, given);
        break;
    case KEY_BOOL_STRICT:
    case KEY_BOOL:
        if (check_bool(l, given) == VALUE_GOOD)
            store_bool(l->conf, given->key, java_is_true(given->value));
        break;
    case KEY_UNLESS_NO:
        apply_yes_no(l, given, "no", false);
        break;
    case KEY_IF_YES:
        apply_yes_no(l, given, "yes", true);
        break;
    }
}

/* Whether the value leaves the feature of the key off. */
static bool says_off(const struct config_given *given)
{
    const struct config_key *key = given->key;

    if (key->type == KEY_BOOL || key->type == KEY_BOOL_STRICT)
        return !java_is_true(given->value);
    if (key->type != KEY_TEXT)
        return false;
    return given->value[0] == '\0' || (key->off != NULL && strcasecmp(given->value, key->off) == 0);
}

void config_apply(struct config_load *l, const struct config_given *given)
{
    const struct config_key *key = given->key;

    if (key == NULL) {
        bool has_prefix = given->on_command_line || strncmp(given->name, "zookeeper.", 10) == 0;
        config_say(l, CONFIG_WARNING, given, "nobody reads the property %s%.200s",
                   has_prefix ? "" : "zookeeper.", given->name);
        return;
    }
    if (key->status == KEY_UNSUPPORTED && !says_off(given)) {
        config_say(l, CONFIG_ERROR, given, "%.200s: %s is not yet supported", given->name,
                   key->feature);
        return;
    }
    if (!config_apply_special(l, given))
        apply_by_type(l, given);
    if (key->status == KEY_JVM)
        config_say(l, CONFIG_WARNING, given, "%.200s means something only to a JVM: ignored",
                   given->name);
    else if (key->status == KEY_NEEDLESS)
        config_say(l, CONFIG_WARNING, given, "%.200s has no effect: %s", given->name, key->feature);
    else if (key->status == KEY_IDLE)
        config_say(l, CONFIG_WARNING, given, "%.200s has no effect: %s is not yet supported",
                   given->name, key->feature);
}

/* The defaults are texts like any other value, so that the table has them once. */
static void apply_default(struct config *conf, const struct config_key *key)
{
    int64_t v = 0;
    double d = 0;

    switch (key->type) {
    case KEY_TEXT:
        store_text(conf, key, key->value);
        break;
    case KEY_INT:
    case KEY_LONG:
    case KEY_DECODE_INT:
    case KEY_DECODE_LONG:
    case KEY_LENIENT_LONG:
        zk_assert(read_number(&v, key, key->value));
        store_number(conf, key, v);
        break;
    case KEY_DOUBLE:
    case KEY_LENIENT_DOUBLE:
        zk_assert(java_parse_double(&d, key->value));
        store_double(conf, key, d);
        break;
    case KEY_BOOL_STRICT:
    case KEY_BOOL:
        store_bool(conf, key, java_is_true(key->value));
        break;
    case KEY_UNLESS_NO:
    case KEY_IF_YES:
        store_bool(conf, key, strcmp(key->value, "yes") == 0);
        break;
    }
}

void config_apply_defaults(struct config *conf)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (config_keys[i].value != NULL)
            apply_default(conf, &config_keys[i]);
}
