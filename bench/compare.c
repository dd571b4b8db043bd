#include "bench/compare.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/options.h"
#include "bench/run.h"
#include "bench/text.h"
#include "cli/json.h"
#include "util/check.h"

/* Bytes; a longer file is refused. A week has some 60 MB, and takes 20 times that in memory. */
enum { FILE_BYTES_MAX = 64 << 20 };

enum { LABEL = 30, NUMBER = 16, RATIO = 10 };

/* Which of two is better. Counts of what went wrong have no ratio: often one of them is 0. */
enum sense { MORE, LESS, NEITHER };

static const struct row {
    const char *path, *label;
    enum sense sense;
    double scale; /* What the value is multiplied with. */
    int digits;
} rows[] = {
    { "operations_per_s", "operations /s", MORE, 1, 0 },
    { "latency_us.mean", "mean ms", LESS, 0.001, 3 },
    { "latency_us.p50", "p50 ms", LESS, 0.001, 3 },
    { "latency_us.p90", "p90 ms", LESS, 0.001, 3 },
    { "latency_us.p99", "p99 ms", LESS, 0.001, 3 },
    { "latency_us.p99_9", "p99.9 ms", LESS, 0.001, 3 },
    { "latency_us.max", "max ms", LESS, 0.001, 3 },
    { "slowest_second.operations", "slowest second, operations", MORE, 1, 0 },
    { "slowest_second.p99_us", "slowest second, p99 ms", LESS, 0.001, 3 },
    { "longest_gap.ms", "longest gap ms", LESS, 1, 3 },
    { "longest_write_gap.ms", "longest gap of writes ms", LESS, 1, 3 },
    { "sessions.open_ms", "opening the sessions ms", LESS, 1, 3 },
    { "failed", "failed", NEITHER, 1, 0 },
    { "unknown_writes", "unknown writes", NEITHER, 1, 0 },
    { "unfinished", "unfinished", NEITHER, 1, 0 },
    { "sessions.connections_lost", "connections lost", NEITHER, 1, 0 },
    { "sessions.expired", "sessions expired", NEITHER, 1, 0 },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* What should be alike for a comparison. */
static const char *const alike[] = {
    "workload",     "options.sessions", "options.outstanding", "options.size",
    "options.keys", "options.rate",     "options.duration_s",  "options.reads_percent"
};

json_t *compare_read(struct bytes *wrong, const char *text, size_t len)
{
    json_error_t error;

    json_set_alloc_funcs(zk_xmalloc, free);

    /* All numbers alike: a whole one beyond 64 bits is none that must be refused. */
    json_t *ret = json_loadb(len > 0 ? text : "", len, JSON_DECODE_INT_AS_REAL, &error);

    if (ret == NULL) {
        /* It quotes the text, where anything may be. */
        for (char *c = error.text; *c != '\0'; c++)
            *c = iscntrl((unsigned char)*c) != 0 ? '?' : *c;
        bytes_printf(wrong, "this is no result of zabbench: line %d, column %d: %s", error.line,
                     error.column, error.text);
    } else if (compare_find(ret, "operations_per_s") == NULL) {
        bytes_printf(wrong, "this is no result of zabbench: it has no operations_per_s");
        json_decref(ret);
        ret = NULL;
    }
    return ret;
}

const json_t *compare_find(const json_t *result, const char *path)
{
    while (result != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        result = json_object_getn(result, path, len);
        path += len + (path[len] == '.');
    }
    return result;
}

/* "" when it is no string, or not there. */
static const char *find_text(const json_t *result, const char *path)
{
    const char *ret = json_string_value(compare_find(result, path));

    return ret != NULL ? ret : "";
}

/* One row of both; false: they don't both have it. `ratio` is 0 when there is none. */
static bool row_of(const struct row *row, const json_t *a, const json_t *b, double ret[3])
{
    a = compare_find(a, row->path);
    b = compare_find(b, row->path);
    if (!json_is_number(a) || !json_is_number(b))
        return false;
    ret[0] = json_number_value(a);
    ret[1] = json_number_value(b);
    ret[2] = 0;
    if (row->sense == MORE && ret[0] > 0)
        ret[2] = ret[1] / ret[0];
    if (row->sense == LESS && ret[1] > 0)
        ret[2] = ret[0] / ret[1];
    return true;
}

static void value_text(struct bytes *out, const json_t *value)
{
    if (json_is_string(value))
        bytes_printf(out, "%s", json_string_value(value));
    else if (json_is_number(value))
        bytes_printf(out, "%.15g", json_number_value(value));
    else
        bytes_printf(out, "-");
}

static bool is_alike(const json_t *a, const json_t *b, struct bytes *texts)
{
    texts[0].len = texts[1].len = 0;
    value_text(&texts[0], a);
    value_text(&texts[1], b);
    return texts[0].len == texts[1].len && memcmp(texts[0].at, texts[1].at, texts[0].len) == 0;
}

static void put_differences(struct bytes *out, const json_t *a, const json_t *b)
{
    struct bytes texts[2] = { { 0 }, { 0 } };

    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) {
        if (!is_alike(compare_find(a, alike[i]), compare_find(b, alike[i]), texts))
            bytes_printf(out, "not alike: %s is %.*s and %.*s\n", alike[i], (int)texts[0].len,
                         (const char *)texts[0].at, (int)texts[1].len, (const char *)texts[1].at);
    }
    bytes_done(&texts[0]);
    bytes_done(&texts[1]);
}

static void put_number(struct bytes *out, double value, int digits)
{
    size_t begin = out->len;

    if (digits == 0 && value >= 0 && value < 1e15)
        text_count(out, (uint64_t)(value + 0.5));
    else
        bytes_printf(out, "%.*f", digits, value);
    text_right(out, begin, NUMBER);
}

double compare_text(struct bytes *out, const json_t *old_one, const json_t *new_one)
{
    double ret = 0;

    bytes_printf(out, "old: %s at %s, %s\nnew: %s at %s, %s\n", find_text(old_one, "workload"),
                 find_text(old_one, "options.server"), find_text(old_one, "began"),
                 find_text(new_one, "workload"), find_text(new_one, "options.server"),
                 find_text(new_one, "began"));
    put_differences(out, old_one, new_one);
    bytes_printf(out, "%-*s%*s%*s%*s\n", LABEL, "", NUMBER, "old", NUMBER, "new", RATIO, "ratio");
    for (size_t i = 0; i < ROWS; i++) {
        double v[3];

        if (!row_of(&rows[i], old_one, new_one, v))
            continue;
        bytes_printf(out, "%-*s", LABEL, rows[i].label);
        put_number(out, v[0] * rows[i].scale, rows[i].digits);
        put_number(out, v[1] * rows[i].scale, rows[i].digits);
        if (v[2] > 0)
            bytes_printf(out, "%*.2f x", RATIO - 2, v[2]);
        bytes_put(out, "\n", 1);
        if (i == 0)
            ret = v[2];
    }
    bytes_printf(out, "A ratio above 1: the new one is better.\n");
    return ret;
}

double compare_json(struct bytes *out, const json_t *old_one, const json_t *new_one)
{
    struct json j = { 0 };
    double ret = 0;

    json_begin(&j);
    for (size_t i = 0; i < ROWS; i++) {
        double v[3];

        if (!row_of(&rows[i], old_one, new_one, v))
            continue;
        json_open(&j, rows[i].path, '{');
        json_decimal(&j, "old", v[0], 3);
        json_decimal(&j, "new", v[1], 3);
        if (v[2] > 0)
            json_decimal(&j, "ratio", v[2], 3);
        json_close(&j, '{');
        if (i == 0)
            ret = v[2];
    }
    json_end(&j);
    bytes_put(out, j.text.at, j.text.len);
    bytes_done(&j.text);
    return ret;
}

/* ---- The command. */

/* NULL: it could not be read, or is none; that was said. */
static json_t *read_result(const char *path)
{
    struct bytes text = { 0 };
    struct bytes wrong = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? bytes_read_all(&text, fd, FILE_BYTES_MAX) : -errno;
    json_t *ret = r == 0 ? compare_read(&wrong, (const char *)text.at, text.len) : NULL;

    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        bytes_printf(&wrong, "%s", strerror(-r));
    if (ret == NULL)
        (void)fprintf(stderr, "zabbench: %s: %.*s\n", path, (int)wrong.len, (const char *)wrong.at);
    bytes_done(&wrong);
    bytes_done(&text);
    return ret;
}

struct arguments {
    const char *paths[2];
    size_t count;
    double least; /* The ratio below which it fails; 0: none. */
    bool is_json;
};

static bool take_arguments(struct arguments *a, char **argv)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        const char *name = argv[i][0] == '-' && argv[i][1] == '-' ? argv[i] + 1 : argv[i];

        if (strcmp(name, "-json") == 0) {
            a->is_json = true;
        } else if (strcmp(name, "-fail-below") == 0 && argv[i + 1] != NULL) {
            if (!parse_real(&a->least, argv[++i], 0, 1e6))
                return false;
        } else if (name[0] == '-' || a->count == 2) {
            return false;
        } else {
            a->paths[a->count++] = argv[i];
        }
    }
    return a->count == 2;
}

int compare(char **argv)
{
    struct arguments a = { .count = 0 };
    struct bytes out = { 0 };

    if (!take_arguments(&a, argv)) {
        (void)fprintf(stderr, "usage: zabbench compare OLD.json NEW.json [--json] [--fail-below "
                              "RATIO]\n");
        return STATUS_USAGE;
    }

    json_t *old_one = read_result(a.paths[0]);
    json_t *new_one = old_one != NULL ? read_result(a.paths[1]) : NULL;
    int status = STATUS_FAILED;

    if (new_one != NULL) {
        double ratio =
            a.is_json ? compare_json(&out, old_one, new_one) : compare_text(&out, old_one, new_one);

        (void)fwrite(out.at, 1, out.len, stdout);
        status = ratio < a.least ? STATUS_NOT_CLEAN : STATUS_OK;
    }
    bytes_done(&out);
    json_decref(old_one);
    json_decref(new_one);
    return status;
}
