#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

#define COMMONS "org.apache.commons.cli."

static const struct option_spec none = { 0 };

struct parse {
    struct options *o;
    struct bytes *wrong;
    enum option_group group;
    int open;     /* The option that waits for its value, or -1. */
    int selected; /* Of the group, or -1. */
    bool is_over; /* -- came. */
};

static int find(const struct options *o, const char *name, size_t len)
{
    for (int i = 0; o->specs[i].name != NULL; i++) {
        if (strlen(o->specs[i].name) == len && memcmp(o->specs[i].name, name, len) == 0)
            return i;
    }
    return -1;
}

static bool is_number(const char *text)
{
    char *end;

    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* Whether a word looks like one of the options, and so can't be the value of another. */
static bool is_option(const struct options *o, const char *word)
{
    if (word[0] != '-' || word[1] == '\0')
        return false;
    return find(o, word + 1, strcspn(word + 1, "=")) >= 0 || find(o, word + 1, 1) >= 0;
}

static void set_value(struct parse *p, const char *value)
{
    if (p->o->values[p->open] == NULL)
        p->o->values[p->open] = value;
    p->open = -1;
}

static bool has_all_values(struct parse *p)
{
    if (p->open < 0)
        return true;
    bytes_printf(p->wrong, COMMONS "MissingArgumentException: Missing argument for option: %s",
                 p->o->specs[p->open].name);
    return false;
}

static bool take_option(struct parse *p, int index)
{
    const struct option_spec *spec = &p->o->specs[index];

    if (!has_all_values(p))
        return false;
    if (p->group != OPTIONS_FREE && p->selected >= 0 && p->selected != index) {
        bytes_printf(p->wrong,
                     COMMONS
                     "AlreadySelectedException: The option '%s' was specified but an option "
                     "from this group has already been selected: '%s'",
                     spec->name, p->o->specs[p->selected].name);
        return false;
    }
    p->selected = index;
    p->o->has[index] = true;
    p->open = spec->has_value ? index : -1;
    return true;
}

static bool take_other(struct parse *p, const char *word)
{
    if (word[0] == '-' && word[1] != '\0') {
        bytes_printf(p->wrong, COMMONS "UnrecognizedOptionException: Unrecognized option: %s",
                     word);
        return false;
    }
    p->o->args[p->o->args_count++] = word;
    return true;
}

/* Several options in a word, or one with its value. */
static bool take_joined(struct parse *p, const char *word)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        int index = find(p->o, at, 1);

        if (index < 0)
            return take_other(p, word);
        if (!take_option(p, index))
            return false;
        if (p->open >= 0 && at[1] != '\0') {
            set_value(p, at + 1);
            return true;
        }
    }
    return true;
}

static bool take_hyphened(struct parse *p, const char *word)
{
    const char *name = word + 1;
    size_t len = strcspn(name, "=");
    int index = find(p->o, name, len);

    if (name[len] == '\0')
        return index >= 0 ? take_option(p, index) : take_joined(p, word);
    if (len != 1 || index < 0 || !p->o->specs[index].has_value)
        return take_other(p, word);
    if (!take_option(p, index))
        return false;
    set_value(p, name + 2);
    return true;
}

static bool take(struct parse *p, const char *word)
{
    if (p->is_over) {
        p->o->args[p->o->args_count++] = word;
        return true;
    }
    if (strcmp(word, "--") == 0) {
        p->is_over = true;
        return true;
    }
    if (p->open >= 0 && (!is_option(p->o, word) || is_number(word))) {
        set_value(p, word);
        return true;
    }
    if (word[0] == '-' && word[1] != '\0' && word[1] != '-')
        return take_hyphened(p, word);
    return take_other(p, word);
}

static bool has_one(struct parse *p)
{
    const char *comma = "";

    if (p->group != OPTIONS_ONE_MUST || p->selected >= 0)
        return true;
    bytes_printf(p->wrong, COMMONS "MissingOptionException: Missing required option: [");
    for (const struct option_spec *s = p->o->specs; s->name != NULL; s++, comma = ", ")
        bytes_printf(p->wrong, "%s-%s %s", comma, s->name, s->help);
    bytes_printf(p->wrong, "]");
    return false;
}

bool options_parse(struct options *ret, struct bytes *wrong, const struct option_spec *specs,
                   enum option_group group, const struct words *words)
{
    struct parse p = { .o = ret, .wrong = wrong, .group = group, .open = -1, .selected = -1 };

    *ret = (struct options){ .specs = specs != NULL ? specs : &none };
    ret->args = zk_xcalloc(words->count + 1, sizeof *ret->args);
    for (size_t i = 0; i < words->count; i++) {
        if (!take(&p, words->at[i]))
            return false;
    }
    return has_all_values(&p) && has_one(&p);
}

void options_done(struct options *o)
{
    free(o->args);
    o->args = NULL;
}

static int index_of(const struct options *o, const char *name)
{
    int index = find(o, name, strlen(name));

    zk_assert(index >= 0);
    return index;
}

bool options_has(const struct options *o, const char *name)
{
    return o->has[index_of(o, name)];
}

const char *options_value(const struct options *o, const char *name)
{
    return o->values[index_of(o, name)];
}
