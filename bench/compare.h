/* Two results side by side. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <jansson.h>
#include <stddef.h>

#include "util/bytes.h"

/* A result from its JSON, of which the last of like keys counts; json_decref() it. NULL: it is
 * none, and `wrong` gets a line that says why. Out of memory ends the process. */
json_t *compare_read(struct bytes *wrong, const char *text, size_t len);

/* By a path of keys, `latency_us.p99`; NULL: there is no such value. It lives in the result. */
const json_t *compare_find(const json_t *result, const char *path);

/* A table of what both have, with ratios: above 1 the new one is better. Returns the ratio of
 * operations a second; 0 when they have none. */
double compare_text(struct bytes *out, const json_t *old_one, const json_t *new_one);
/* The same as a JSON object. */
double compare_json(struct bytes *out, const json_t *old_one, const json_t *new_one);

/* The command; `argv` is what follows its name. Returns the exit status. */
int compare(char **argv);

#endif
