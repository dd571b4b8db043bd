#include "bench/compare.h"

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

enum { FILE_BYTES_MAX = 256 << 20, LABEL = 30, NUMBER = 16, RATIO = 10 };

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

/* One row of both; false: they don't both have it. `ratio` is 0 when there is none. */
static bool row_of(const struct row *row, const struct json_node *a, const struct json_node *b,
                   double ret[3])
{
    if (!json_find_number(&ret[0], a, row->path) || !json_find_number(&ret[1], b, row->path))
        return false;
    ret[2] = 0;
    if (row->sense == MORE && ret[0] > 0)
        ret[2] = ret[1] / ret[0];
    if (row->sense == LESS && ret[1] > 0)
        ret[2] = ret[0] / ret[1];
    return true;
}

static void value_text(struct bytes *out, const struct json_node *value)
{
    if (value == NULL || value->kind == JSON_NULL)
        bytes_printf(out, "-");
    else if (value->kind == JSON_STRING)
        bytes_printf(out, "%s", value->text);
    else
        bytes_printf(out, "%.15g", value->number);
}

static bool is_alike(const struct json_node *a, const struct json_node *b, struct bytes *texts)
{
    texts[0].len = texts[1].len = 0;
    value_text(&texts[0], a);
    value_text(&texts[1], b);
    return texts[0].len == texts[1].len && memcmp(texts[0].at, texts[1].at, texts[0].len) == 0;
}

static void put_differences(struct bytes *out, const struct json_node *a, const struct json_node *b)
{
    struct bytes texts[2] = { { 0 }, { 0 } };

    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) {
        if (!is_alike(json_find(a, alike[i]), json_find(b, alike[i]), texts))
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

double compare_text(struct bytes *out, const struct json_node *old_one,
                    const struct json_node *new_one)
{
    double ret = 0;

    bytes_printf(out, "old: %s at %s, %s\nnew: %s at %s, %s\n", json_find_text(old_one, "workload"),
                 json_find_text(old_one, "options.server"), json_find_text(old_one, "began"),
                 json_find_text(new_one, "workload"), json_find_text(new_one, "options.server"),
                 json_find_text(new_one, "began"));
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

double compare_json(struct bytes *out, const struct json_node *old_one,
                    const struct json_node *new_one)
{
    struct json j = { 0 };
    double ret = 0;

    json_begin(&j);
    for (size_t i = 0; i < ROWS; i++) {
        double v[3];

        if (!row_of(&rows[i], old_one, new_one, v))
            continue;
        json_open(&j, rows[i].path, '{');
        json_real(&j, "old", v[0], 3);
        json_real(&j, "new", v[1], 3);
        if (v[2] > 0)
            json_real(&j, "ratio", v[2], 3);
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

static struct json_node *read_result(const char *path)
{
    struct bytes text = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? bytes_read_all(&text, fd, FILE_BYTES_MAX) : -errno;
    struct json_node *ret = r == 0 ? json_read((const char *)text.at, text.len) : NULL;

    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        (void)fprintf(stderr, "zabbench: %s: %s\n", path, strerror(-r));
    else if (ret == NULL || json_find(ret, "operations_per_s") == NULL)
        (void)fprintf(stderr, "zabbench: %s: this is no result of zabbench\n", path);
    bytes_done(&text);
    if (ret != NULL && json_find(ret, "operations_per_s") == NULL) {
        json_free(ret);
        ret = NULL;
    }
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

    struct json_node *old_one = read_result(a.paths[0]);
    struct json_node *new_one = old_one != NULL ? read_result(a.paths[1]) : NULL;
    int status = STATUS_FAILED;

    if (new_one != NULL) {
        double ratio =
            a.is_json ? compare_json(&out, old_one, new_one) : compare_text(&out, old_one, new_one);

        (void)fwrite(out.at, 1, out.len, stdout);
        status = ratio < a.least ? STATUS_NOT_CLEAN : STATUS_OK;
    }
    bytes_done(&out);
    json_free(old_one);
    json_free(new_one);
    return status;
}
