/* What the parts of zab/config share. Only config*.c look in here. */
#ifndef ZAB_CONFIG_IMPL_H
#define ZAB_CONFIG_IMPL_H

#include "zab/config.h"

/* Says what is wrong, as one line of printable characters. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int zab_config_wrong(char why[ZAB_CONFIG_WHY_MAX],
                                                           const char *format, ...);

/* The same of what should be an id or a version and is no number. Returns -EDOM. */
__attribute__((format(printf, 2, 3))) int zab_config_no_number(char why[ZAB_CONFIG_WHY_MAX],
                                                               const char *format, ...);

/* A piece of a text that is not NUL-terminated. */
struct zab_text {
    const char *at;
    size_t len;
};

/* Cuts off what stands before the first `separator`, which goes too. Returns false when nothing
 * is left; an empty piece between two separators is a piece. */
bool zab_text_cut(struct zab_text *rest, char separator, struct zab_text *ret);
/* Without blanks and control characters at both ends. */
struct zab_text zab_text_trim(struct zab_text t);
/* A decimal number from 0 to max; a sign + may stand before it, as in Java. */
bool zab_text_number(struct zab_text t, int64_t max, int64_t *ret);

/* The deep copy of a member, into an empty one. */
void zab_member_copy(struct zab_member *ret, const struct zab_member *m);

#endif
