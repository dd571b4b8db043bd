/* Parts of the disk, for each other. */
#ifndef SERVER_DISK_IMPL_H
#define SERVER_DISK_IMPL_H

#include "server/disk.h"

uint64_t disk_now_us(void);

/* disk.c */
void disk_open_log(struct disk *d);
/* All that was handed over is durable; the log takes nothing more. */
void disk_close_log(struct disk *d);

/* disk_snapshots.c */
void disk_draw_limits(struct disk *d);
/* Marks the last batch before a snapshot, and begins that. */
void disk_snapshot_look(struct disk *d, struct wal_batch *b);
/* Begins a snapshot of the state. 0 or a negative errno, which is logged. */
int disk_dump_begin(struct disk *d);
void disk_dump_stop(struct disk *d);
/* Ends a purge, soon. */
void disk_purge_stop(struct disk *d);

/* disk_sync.c */
/* The snapshot of a reset is durable: what it replaces goes. */
void disk_reset_end(struct disk *d);
/* Begins the snapshot of a reset again, and stays with it. The state has changed meanwhile, or
 * is about to. */
void disk_reset_now(struct disk *d);
void disk_drop_held(struct disk *d);

#endif
