#include "server/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_keys.h"
#include "server/config_load.h"
#include "util/check.h"
#include "util/properties.h"

/* The command line can't hold more than the file. */
enum { DEFINES_MAX = PROPERTIES_MAX_KEYS };

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(zk_xmalloc(size), text, size);
}

static void add_given(struct config_load *l, const struct config_given *given)
{
    struct config_given *added = &l->given[l->count++];

    *added = *given;
    added->key = config_key_find(added->name);
}

static void add_properties(struct config_load *l, const struct properties *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct property *item = &p->items[i];
        add_given(l, &(struct config_given){
                         .name = item->key, .value = item->value, .line = item->line });
    }
}

/* Cuts "name=value" in two, in place. */
static void add_define(struct config_load *l, char *define)
{
    char *value = strchr(define, '=');

    if (value != NULL)
        *value++ = '\0';
    add_given(l, &(struct config_given){ .name = define,
                                         .value = value != NULL ? value : "",
                                         .on_command_line = true });
}

static bool same_key(const struct config_given *a, const struct config_given *b)
{
    if (a->key != b->key || a->key == NULL)
        return false;
    return !a->key->is_prefix || strcmp(a->name, b->name) == 0;
}

/* Of two values for a key, says which one does not count. In the file the last one
 * does, as in Java; the command line does so quietly, being there to overrule. */
static void settle(struct config_load *l, struct config_given *earlier, struct config_given *later)
{
    bool both_in_file = !earlier->on_command_line && !later->on_command_line;
    bool file_wins =
        !earlier->on_command_line && later->on_command_line && earlier->key->kind == KEY_PROPERTY;
    struct config_given *loser = file_wins ? later : earlier;

    loser->is_shadowed = true;
    if (strcmp(earlier->value, later->value) == 0)
        return;
    if (both_in_file)
        config_say(l, CONFIG_WARNING, loser, "%.200s is given again on line %d, which counts",
                   loser->name, later->line);
    else if (file_wins)
        config_say(l, CONFIG_WARNING, loser,
                   "%.200s is also in the file, which counts, as in ZooKeeper", loser->name);
}

/* Leaves one value of each key that counts. The file's come first in the list. */
static void settle_all(struct config_load *l)
{
    for (size_t i = 0; i < l->count; i++)
        for (size_t j = i + 1; j < l->count && !l->given[i].is_shadowed; j++)
            if (!l->given[j].is_shadowed && same_key(&l->given[i], &l->given[j]))
                settle(l, &l->given[i], &l->given[j]);
}

const struct config_given *config_given_find(const struct config_load *l, const char *name)
{
    const struct config_key *key = config_key_get(name);

    for (size_t i = 0; i < l->count; i++)
        if (l->given[i].key == key && !l->given[i].is_shadowed)
            return &l->given[i];
    return NULL;
}

/* What a key says alone, then what they say together. Providers of authentication
 * come last: naming one overrules the switch that turns it off. */
static void apply_all(struct config_load *l)
{
    const struct config_key *providers = config_key_get("authProvider.");

    for (size_t i = 0; i < l->count; i++)
        if (!l->given[i].is_shadowed && l->given[i].key != providers)
            config_apply(l, &l->given[i]);
    for (size_t i = 0; i < l->count; i++)
        if (!l->given[i].is_shadowed && l->given[i].key == providers)
            config_apply(l, &l->given[i]);
    config_check(l);
}

static void warn_of_latin1(struct config_load *l, const struct properties *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct property *item = &p->items[i];
        struct config_given given = { .name = item->key, .line = item->line };
        if (item->is_latin1)
            config_say(l, CONFIG_WARNING, &given,
                       "%.200s: bytes above 0x7f are read as ISO-8859-1, as in Java: write "
                       "\\uXXXX instead",
                       item->key);
    }
}

static int read_file(struct config_load *l, struct properties *ret)
{
    struct properties_error err;

    if (l->path == NULL)
        return 0;
    int r = properties_read(ret, &err, l->path);
    if (r < 0) {
        struct config_given at = { .line = err.line };
        config_say(l, CONFIG_ERROR, &at, "%s", err.text);
        return r;
    }
    warn_of_latin1(l, ret);
    return 0;
}

/* Notes about the file by line, then those about it as a whole, then the command
 * line's; those of one place stay in their order. */
static bool is_after(const struct config_note *a, const struct config_note *b)
{
    bool a_is_file = a->file[0] != '\0', b_is_file = b->file[0] != '\0';

    if (a_is_file != b_is_file)
        return b_is_file;
    if ((a->line == 0) != (b->line == 0))
        return a->line == 0;
    return a->line > b->line;
}

static void sort_report(struct config_report *report)
{
    for (size_t i = 1; i < report->count; i++) {
        struct config_note note = report->notes[i];
        size_t j = i;
        for (; j > 0 && is_after(&report->notes[j - 1], &note); j--)
            report->notes[j] = report->notes[j - 1];
        report->notes[j] = note;
    }
}

static int load_given(struct config_load *l, char *const *defines, size_t count)
{
    struct properties properties = { 0 };
    size_t errors_before = l->report->error_count;
    int r = read_file(l, &properties);

    if (r == 0) {
        char **copies = zk_xcalloc(count + 1, sizeof *copies);
        l->given = zk_xcalloc(properties.count + count + 1, sizeof *l->given);
        add_properties(l, &properties);
        for (size_t i = 0; i < count; i++) {
            copies[i] = copy(defines[i]);
            add_define(l, copies[i]);
        }
        settle_all(l);
        apply_all(l);
        for (size_t i = 0; i < count; i++)
            free(copies[i]);
        free(copies);
    }
    if (r == 0 && l->report->error_count > errors_before)
        r = -EINVAL;
    free(l->given);
    config_servers_done(&l->servers);
    properties_done(&properties);
    return r;
}

static int load(struct config **ret, struct config_report *report, const char *path,
                char *const *defines, size_t count)
{
    struct config_load l = {
        .conf = zk_xcalloc(1, sizeof *l.conf),
        .report = report,
        .path = path,
    };
    int r = -E2BIG;

    zk_assert(ret != NULL && report != NULL);
    config_apply_defaults(l.conf);
    l.conf->sid = 1; /* As ZooKeeper has it without an ensemble. */
    if (path != NULL)
        l.conf->path = copy(path);
    if (count > DEFINES_MAX)
        config_say(&l, CONFIG_ERROR, &(struct config_given){ .on_command_line = true },
                   "more than %d options -D", DEFINES_MAX);
    else
        r = load_given(&l, defines, count);
    sort_report(report);
    if (r < 0)
        (void)config_free(l.conf);
    else
        *ret = l.conf;
    return r;
}

/* Loads without a file: `own` come first, so that -D overrules them. */
static int load_without_file(struct config **ret, struct config_report *report, char *const *own,
                             size_t own_count, char *const *defines, size_t count)
{
    char **all = zk_xcalloc(own_count + count + 1, sizeof *all);

    memcpy(all, own, own_count * sizeof *all);
    if (count > 0)
        memcpy(all + own_count, defines, count * sizeof *all);
    int r = load(ret, report, NULL, all, own_count + count);
    free(all);
    return r;
}

int config_load(struct config **ret, struct config_report *report, const char *path,
                char *const *defines, size_t count)
{
    char port[] = "clientPort=2181", dir[] = "dataDir=./data", tick[] = "tickTime=2000";
    char *const embedded[] = { port, dir, tick };

    if (path != NULL)
        return load(ret, report, path, defines, count);
    return load_without_file(ret, report, embedded, 3, defines, count);
}

static char *join(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *made = zk_xmalloc(size);

    (void)snprintf(made, size, "%s=%s", name, value);
    return made;
}

int config_load_words(struct config **ret, struct config_report *report, char *const *words,
                      size_t word_count, char *const *defines, size_t count)
{
    static const char *const names[] = { "clientPort", "dataDir", "tickTime", "maxClientCnxns" };
    char *own[4] = { NULL };

    if (word_count <= 1)
        return config_load(ret, report, word_count == 1 ? words[0] : NULL, defines, count);
    if (word_count > 4) {
        struct config_load l = { .report = report };
        config_say(&l, CONFIG_ERROR, NULL,
                   "expected CONFIG or: port dataDir [tickTime [maxClientCnxns]]");
        return -EINVAL;
    }
    for (size_t i = 0; i < word_count; i++)
        own[i] = join(names[i], words[i]);
    int r = load_without_file(ret, report, own, word_count, defines, count);
    for (size_t i = 0; i < word_count; i++)
        free(own[i]);
    return r;
}

struct config *config_free(struct config *conf)
{
    if (conf == NULL)
        return NULL;
    free(conf->path);
    zab_config_unref(conf->members);
    zab_config_unref(conf->last_seen);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->field == FIELD_TEXT) {
            char **at = (char **)(void *)((char *)conf + key->offset);
            free(*at);
            *at = NULL;
        }
    }
    free(conf);
    return NULL;
}
