/* Events and actions as one line of text each, without a newline: for scenarios, traces and
 * messages. `3 -> 2 ACKEPOCH 1:2`; a zxid is epoch:counter in hex. */
#ifndef ZAB_PRINT_H
#define ZAB_PRINT_H

#include "util/bytes.h"
#include "zab/zab.h"

struct zab_printer {
    zk_sid self;
    /* Who is at the other end of a link; INT64_MIN: not known, and then the link's name is printed.
     * NULL: never known. */
    zk_sid (*peer)(void *ctx, zab_link link);
    void *ctx;
};

void zab_print_zxid(zk_zxid zxid, struct bytes *out);
void zab_print_packet(const struct zab_packet *p, struct bytes *out);
void zab_print_notification(const struct zab_notification *n, struct bytes *out);
void zab_print_event(const struct zab_printer *p, const struct zab_event *ev, struct bytes *out);
void zab_print_action(const struct zab_printer *p, const struct zab_action *a, struct bytes *out);
const char *zab_role_name(enum zab_role role);
const char *zab_phase_name(enum zab_phase phase);

#endif
