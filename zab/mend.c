/* The state in memory is not always that of the log: a SNAP broke off, a digest was wrong, or the
 * disk has nothing old enough for a TRUNC. It is read from disk anew, or a SNAP replaces all. */
#include "zab/core.h"

void core_state_is_good(struct zab *z)
{
    z->is_void = z->is_diverged = z->is_mended = z->is_lost = z->is_far = false;
}

void core_mend_state(struct zab *z)
{
    if (!z->is_void && !z->is_diverged)
        return;
    z->is_void = z->is_diverged = false;
    z->is_mended = true;
    /* The whole log is replayed. */
    z->committed = z->appended;
    struct zab_action *a = core_act(z, ZAB_DO_TRUNCATE);
    a->zxid = z->appended > 0 ? z->appended : 0;
    a->is_reload = true;
}

void core_diverged(struct zab *z)
{
    z->is_diverged = true;
    if (z->is_mended) {
        z->is_mended = false;
        z->is_lost = true;
        z->failures = 0; /* A SNAP is asked for, and the disk is tried again after that only. */
    }
    if (z->role != ZAB_LOOKING)
        core_look(z, "our state has not the digest it should have");
}
