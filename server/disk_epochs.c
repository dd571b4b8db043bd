/* The epochs: two small files beside the snapshots (quorum-protocol 1.6). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/disk.h"

static const char accepted_name[] = "acceptedEpoch";
static const char current_name[] = "currentEpoch";
static const char current_temp[] = "currentEpoch.tmp";

struct epochs {
    const char *dir;
    int64_t of_zxid; /* Epoch of the last txn. */
    int64_t accepted, current;
    char *why;
};

static int refuse_errno(const struct epochs *e, int r, const char *name, const char *what)
{
    (void)snprintf(e->why, STORE_WHY_MAX, "%s/%s: cannot %s the epoch: %s", e->dir, name, what,
                   strerror(-r));
    return r;
}

static int save(const struct epochs *e, const char *name, int64_t epoch)
{
    int r = epoch_write(e->dir, name, epoch);

    return r < 0 ? refuse_errno(e, r, name, "write") : 0;
}

/* A missing file is made. */
static int load(struct epochs *e, const char *name, int64_t *ret)
{
    int r = epoch_read(e->dir, name, ret);

    if (r == -ENOENT) {
        *ret = e->of_zxid;
        return save(e, name, *ret);
    }
    if (r == -EBADMSG || (r == 0 && *ret < 0)) {
        (void)snprintf(e->why, STORE_WHY_MAX,
                       "%s/%s: is not the number of an epoch; to go on, clear the data directory"
                       " and let this server get all from the others",
                       e->dir, name);
        return -EBADMSG;
    }
    return r < 0 ? refuse_errno(e, r, name, "read") : 0;
}

/* Txns of an epoch are only ever stored behind the whole history that the epoch began with, and
 * the current epoch is stored behind that, too: a crash in between leaves it behind the txns.
 * ZooKeeper may have left the new one under its temporary name (ZOOKEEPER-4269). */
static int raise_current(struct epochs *e)
{
    int64_t temp;

    if (e->accepted < e->of_zxid) {
        (void)snprintf(e->why, STORE_WHY_MAX,
                       "%s: the last txn is of epoch %lld, but currentEpoch is %lld and"
                       " acceptedEpoch %lld: files of another server were put here, or the epochs"
                       " restored from an older backup than the log; clear the data directory and"
                       " let this server get all from the others",
                       e->dir, (long long)e->of_zxid, (long long)e->current,
                       (long long)e->accepted);
        return -EBADMSG;
    }
    e->current = e->of_zxid;
    if (epoch_read(e->dir, current_temp, &temp) == 0 && temp > e->current && temp <= e->accepted)
        e->current = temp;
    return save(e, current_name, e->current);
}

int disk_load_epochs(struct disk *d, zk_zxid zxid, int64_t *ret_accepted, int64_t *ret_current,
                     char why[STORE_WHY_MAX])
{
    struct epochs e = { .dir = d->dirs.snap_dir,
                        .of_zxid = zxid > 0 ? (int64_t)zxid_epoch(zxid) : 0,
                        .why = why };
    int r = load(&e, current_name, &e.current);

    if (r == 0)
        r = load(&e, accepted_name, &e.accepted);
    if (r == 0 && e.of_zxid > e.current)
        r = raise_current(&e);
    if (r == 0 && e.accepted < e.current) {
        (void)snprintf(why, STORE_WHY_MAX,
                       "%s: acceptedEpoch is %lld, below currentEpoch %lld, which cannot be: a file"
                       " was restored or edited; clear the data directory and let this server get"
                       " all from the others",
                       e.dir, (long long)e.accepted, (long long)e.current);
        r = -EBADMSG;
    }
    if (r < 0)
        return r;
    *ret_accepted = e.accepted;
    *ret_current = e.current;
    return 0;
}

void disk_save_accepted(struct disk *d, int64_t epoch)
{
    int r = epoch_write(d->dirs.snap_dir, accepted_name, epoch);

    if (r < 0)
        disk_failed(r, "cannot store acceptedEpoch");
}

void disk_save_current(struct disk *d, int64_t epoch)
{
    int r = epoch_write(d->dirs.snap_dir, current_name, epoch);

    if (r < 0)
        disk_failed(r, "cannot store currentEpoch");
}
