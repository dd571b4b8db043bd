#include "server/state/first_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/state/dump.h"

/* Nothing else is going on yet: no slice is too long. */
static uint64_t no_clock(void)
{
    return 0;
}

static int dump_all(struct state *s, const char *snap_dir, bool digest_on, int notify_fd)
{
    struct dump *d = NULL;
    bool wants_cpu = false;
    uint64_t count;
    int r = dump_begin(&d, s, snap_dir, SNAPSHOT_PLAIN, digest_on, digest_on, notify_fd);

    while (r == 0) {
        r = dump_step(d, s, UINT64_MAX, no_clock, &wants_cpu);
        if (r == 0 && !wants_cpu && read(notify_fd, &count, sizeof count) < 0 && errno != EINTR)
            r = -errno;
    }
    dump_free(d, s);
    return r < 0 ? r : 0;
}

int write_first_snapshot(struct state *s, const char *snap_dir, bool digest_on,
                         char why[STORE_WHY_MAX])
{
    int fd = eventfd(0, EFD_CLOEXEC);
    int r = fd < 0 ? -errno : dump_all(s, snap_dir, digest_on, fd);

    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        (void)snprintf(why, STORE_WHY_MAX, "%s: cannot write the first snapshot: %s", snap_dir,
                       strerror(-r));
    return r;
}
