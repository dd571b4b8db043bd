/* What clients saw of the registers /r0, /r1, ...: each has a version and a value, may be
 * missing, and every operation on it seems to happen at one moment between its call and
 * its return. Judged without knowing anything of zxids. */
#ifndef TESTS_SIM_TALE_H
#define TESTS_SIM_TALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tale_kind { TALE_CREATE, TALE_SET, TALE_DELETE, TALE_GET };

enum tale_end {
    TALE_OK,
    TALE_MISSING,     /* NoNode. */
    TALE_EXISTS,      /* NodeExists. */
    TALE_BAD_VERSION, /* BadVersion. */
    TALE_UNKNOWN,     /* Nobody knows: it happened, happens later, or never. */
    TALE_NOTHING,     /* It is known to have done nothing, and tells nothing. */
};

struct tale_op {
    uint32_t key;
    enum tale_kind kind;
    uint32_t value;  /* Written, or read; never 0. */
    int32_t version; /* Asked for (-1: any), or read. */
    int32_t after;   /* Of a set: the version that it was told. */
    enum tale_end end;
    int64_t call_us, return_us;
};

struct tale;
struct tale *tale_new(void);
struct tale *tale_free(struct tale *h);

/* Returns its number. Without tale_return() its end is unknown. */
size_t tale_call(struct tale *h, const struct tale_op *op);
/* value, version: what was read (get), version after it (set). */
void tale_return(struct tale *h, size_t op, int64_t now_us, enum tale_end end, uint32_t value,
                 int32_t version);

enum tale_verdict { TALE_LINEARIZABLE, TALE_IMPOSSIBLE, TALE_TOO_HARD };
/* Of one key. ret_us: where it is impossible, up to when it could be explained. */
enum tale_verdict tale_judge(const struct tale *h, uint32_t key, int64_t *ret_us);
size_t tale_count(const struct tale *h);
const struct tale_op *tale_at(const struct tale *h, size_t index);

#endif
