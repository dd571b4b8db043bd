/* Reads JSON into a tree: for results of earlier runs. */
#ifndef BENCH_JSON_READ_H
#define BENCH_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

enum {
    JSON_DEPTH_MAX = 32,
    JSON_NODES_MAX = 4 << 20, /* Values of a text. More: it is refused. */
};

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_node {
    enum json_kind kind;
    char *key;  /* In an object; else NULL. */
    char *text; /* Of a string: UTF-8, cut at a NUL. */
    double number;
    struct json_node *children, *next;
};

/* NULL: it is none. Free it with json_free(). */
struct json_node *json_read(const char *text, size_t len);
void json_free(struct json_node *node);

/* By a path of keys, `latency_us.p99`; NULL: there is no such value. */
const struct json_node *json_find(const struct json_node *node, const char *path);
/* false: it is no number, or not there. */
bool json_find_number(double *ret, const struct json_node *node, const char *path);
/* "" when it is no string, or not there. */
const char *json_find_text(const struct json_node *node, const char *path);

#endif
