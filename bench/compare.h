/* Two results side by side. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/json_read.h"
#include "util/bytes.h"

/* A table of what both have, with ratios: above 1 the new one is better. Returns the ratio of
 * operations a second; 0 when they have none. */
double compare_text(struct bytes *out, const struct json_node *old_one,
                    const struct json_node *new_one);
/* The same as a JSON object. */
double compare_json(struct bytes *out, const struct json_node *old_one,
                    const struct json_node *new_one);

/* The command; `argv` is what follows its name. Returns the exit status. */
int compare(char **argv);

#endif
