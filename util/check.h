/* Assertions about ourselves. They stay on in release builds: a server that has
 * lost its own invariants must stop before it acknowledges anything else. Never
 * test peer, client or file input with them. */
#ifndef UTIL_CHECK_H
#define UTIL_CHECK_H

#include <stddef.h>

#define zk_assert(expr) \
    (__builtin_expect(!!(expr), 1) ? (void)0 : zk_assert_failed(#expr, __FILE__, __LINE__))

/* Prints the broken invariant to stderr and aborts. */
_Noreturn void zk_assert_failed(const char *expr, const char *file, int line);

/* For allocations that no caller can do without: aborts with a clear line when
 * memory is exhausted instead of going on half-done. */
void *zk_xmalloc(size_t size);
void *zk_xcalloc(size_t count, size_t size);
void *zk_xrealloc(void *old, size_t size);

#endif
