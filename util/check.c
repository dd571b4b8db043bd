#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>

void zk_assert_failed(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "FATAL assertion failed: %s at %s:%d\n", expr, file, line);
    abort();
}

static void *or_die(void *p, size_t size)
{
    if (p == NULL && size > 0) {
        (void)fprintf(stderr, "FATAL out of memory: %zu bytes wanted\n", size);
        abort();
    }
    return p;
}

void *zk_xmalloc(size_t size)
{
    return or_die(malloc(size), size);
}

void *zk_xcalloc(size_t count, size_t size)
{
    return or_die(calloc(count, size), count * size);
}

void *zk_xrealloc(void *old, size_t size)
{
    return or_die(realloc(old, size), size);
}
