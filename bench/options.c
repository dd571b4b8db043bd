#include "bench/options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, WHOLE, REAL, FLAG, SEED };

#define MEMBER(name) offsetof(struct run_options, name)

static const struct spec {
    const char *name, *value, *help;
    enum kind kind;
    size_t at; /* The member of struct run_options. */
    double min, max;
} specs[] = {
    { "server", "LIST", "host:port,...[/chroot]; localhost:2181", TEXT, MEMBER(servers), 0, 0 },
    { "timeout", "MS", "the session timeout to be asked for; 30000", WHOLE, MEMBER(timeout_ms), 100,
      BENCH_TIMEOUT_MS_MAX },
    { "auth", "SCHEME:AUTH", "an identity for every session", TEXT, MEMBER(auth), 0, 0 },
    { "sessions", "N", "16", WHOLE, MEMBER(sessions), 1, BENCH_SESSIONS_MAX },
    { "outstanding", "N", "requests under way in a session; 16", WHOLE, MEMBER(outstanding), 1,
      BENCH_OUTSTANDING_MAX },
    { "size", "BYTES", "of a node's data; 100", WHOLE, MEMBER(size), 0, BENCH_SIZE_MAX },
    { "keys", "N", "nodes to read and set; 1000 (children: 100)", WHOLE, MEMBER(keys), 1,
      BENCH_KEYS_MAX },
    { "reads", "PERCENT", "of mixed; 90", WHOLE, MEMBER(reads_percent), 0, 100 },
    { "rate", "N", "operations a second, each measured from when it was due; as many as go", REAL,
      MEMBER(rate), 0.001, 1e8 },
    { "duration", "S", "how long is measured; 10, or until --ops are done", REAL,
      MEMBER(duration_s), 0.001, 1e6 },
    { "ops", "N", "ends after so many operations", WHOLE, MEMBER(operations), 1, 1e15 },
    { "warmup", "S", "the load before measuring begins; 2", REAL, MEMBER(warmup_s), 0, 1e6 },
    { "ephemerals", "N", "of a session of connect; 0", WHOLE, MEMBER(ephemerals), 0,
      BENCH_EPHEMERALS_MAX },
    { "sequential", NULL, "create makes sequential nodes", FLAG, MEMBER(is_sequential), 0, 0 },
    { "seed", "N", "the same keys and server order each time; 1", SEED, MEMBER(seed), 0, 0 },
    { "progress", "S", "seconds between reports; 1 at a terminal, else 10; 0: none", WHOLE,
      MEMBER(progress_s), 0, 1e6 },
    { "json", NULL, "the result as JSON", FLAG, MEMBER(is_json), 0, 0 },
    { "output", "FILE", "the JSON into this file, too", TEXT, MEMBER(output), 0, 0 },
    { "keep", NULL, "what was created is not removed", FLAG, MEMBER(keeps_nodes), 0, 0 },
    { "help", NULL, "this", FLAG, MEMBER(is_help), 0, 0 },
};

enum { SPECS = sizeof specs / sizeof specs[0] };

bool parse_whole(int64_t *ret, const char *text, int64_t min, int64_t max)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != ' ' && *ret >= min && *ret <= max;
}

bool parse_real(double *ret, const char *text, double min, double max)
{
    char *end;

    errno = 0;
    *ret = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && *text != ' ' && isfinite(*ret) &&
           *ret >= min && *ret <= max;
}

static const struct spec *find(const char *name, size_t len)
{
    for (size_t i = 0; i < SPECS; i++) {
        if (strlen(specs[i].name) == len && memcmp(specs[i].name, name, len) == 0)
            return &specs[i];
    }
    return NULL;
}

static bool set_value(struct run_options *ret, const struct spec *spec, const char *text)
{
    void *to = (char *)ret + spec->at;
    int64_t whole;

    switch (spec->kind) {
    case FLAG:
        *(bool *)to = true;
        return true;
    case TEXT:
        *(const char **)to = text;
        return *text != '\0';
    case WHOLE:
        return parse_whole(to, text, (int64_t)spec->min, (int64_t)spec->max);
    case REAL:
        return parse_real(to, text, spec->min, spec->max);
    case SEED:
        if (!parse_whole(&whole, text, 0, INT64_MAX))
            return false;
        *(uint64_t *)to = (uint64_t)whole;
        return true;
    }
    return false;
}

/* One that begins with a hyphen; one hyphen or two, its value behind it or behind '='. *at is moved
 * when the value is the next word. */
static bool take_option(struct run_options *ret, struct bytes *wrong, char **argv, size_t *at)
{
    const char *word = argv[*at];
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const struct spec *spec = find(name, len);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (spec == NULL || (spec->kind == FLAG && value != NULL)) {
        bytes_printf(wrong, "there is no option %s", word);
        return false;
    }
    if (spec->kind != FLAG && value == NULL && argv[*at + 1] != NULL)
        value = argv[++*at];
    if (spec->kind != FLAG && value == NULL) {
        bytes_printf(wrong, "%s wants %s", word, spec->value);
        return false;
    }
    if (set_value(ret, spec, value))
        return true;
    if (spec->kind == WHOLE || spec->kind == REAL)
        bytes_printf(wrong, "--%s wants a number from %.15g to %.15g, not '%s'", spec->name,
                     spec->min, spec->max, value);
    else
        bytes_printf(wrong, "--%s wants %s, not '%s'", spec->name, spec->value, value);
    return false;
}

static bool take(struct run_options *ret, struct bytes *wrong, char **argv)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(ret, wrong, argv, &i))
                return false;
        } else if (ret->workload != NULL) {
            bytes_printf(wrong, "one workload, not also '%s'", argv[i]);
            return false;
        } else if ((ret->workload = workload_find(argv[i])) == NULL) {
            bytes_printf(wrong, "there is no workload '%s'", argv[i]);
            return false;
        }
    }
    return true;
}

/* What one option says must suit the others. */
static bool fits(const struct run_options *o, struct bytes *wrong)
{
    if (o->rate > 0 && o->workload->load == LOAD_HOLD)
        bytes_printf(wrong, "there is no --rate of %s", o->workload->name);
    else if (o->operations > 0 && o->workload->load == LOAD_HOLD)
        bytes_printf(wrong, "there are no --ops of %s", o->workload->name);
    else if (o->is_sequential && strcmp(o->workload->name, "create") != 0)
        bytes_printf(wrong, "--sequential is of create");
    else if (o->outstanding * o->size > BENCH_UNSENT_BYTES_MAX)
        bytes_printf(wrong, "--outstanding times --size must be at most %d",
                     BENCH_UNSENT_BYTES_MAX);
    else if (o->auth != NULL && strchr(o->auth, ':') == NULL)
        bytes_printf(wrong, "--auth wants SCHEME:AUTH");
    return wrong->len == 0;
}

bool run_options_parse(struct run_options *ret, struct bytes *wrong, char **argv)
{
    *ret = (struct run_options){ .servers = "localhost:2181",
                                 .timeout_ms = 30000,
                                 .sessions = 16,
                                 .outstanding = 16,
                                 .size = 100,
                                 .reads_percent = 90,
                                 .progress_s = -1,
                                 .seed = 1,
                                 .warmup_s = 2 };
    if (!take(ret, wrong, argv))
        return false;
    if (ret->workload == NULL)
        ret->workload = workload_find("mixed");
    if (ret->keys == 0)
        ret->keys = ret->workload->keys;
    if (ret->duration_s == 0)
        ret->duration_s = ret->operations > 0 ? 1e6 : 10;
    return fits(ret, wrong);
}

void run_options_usage(struct bytes *out)
{
    bytes_printf(
        out, "usage: zabbench [-server LIST] [WORKLOAD] [OPTION...]\n"
             "       zabbench compare OLD.json NEW.json [--json] [--fail-below RATIO]\n"
             "\n"
             "Measures a ZooKeeper server or ensemble with nodes of its own, which it removes.\n"
             "\n"
             "Workloads (mixed unless another is named):\n");
    for (size_t i = 0; i < workloads_count; i++)
        bytes_printf(out, "  %-10s %s\n", workloads[i].name, workloads[i].help);
    bytes_printf(out, "\nOptions:\n");
    for (size_t i = 0; i < SPECS; i++) {
        const char *value = specs[i].value != NULL ? specs[i].value : "";

        bytes_printf(out, "  --%s %-*s %s\n", specs[i].name, 20 - (int)strlen(specs[i].name), value,
                     specs[i].help);
    }
    bytes_printf(out,
                 "\nExit status: 0 done; 1 could not run; 2 wrong arguments; 3 something failed "
                 "or got lost on the way; 130 interrupted.\n");
}
