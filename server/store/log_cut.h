/* Shortening and removing logs durably. Internal to the floor. */
#ifndef SERVER_STORE_LOG_CUT_H
#define SERVER_STORE_LOG_CUT_H

#include <stdint.h>

#include "util/ids.h"

/* Ends the file at `size`: ftruncate, fsync. 0 or a negative errno. */
int log_cut_file(const char *dir, const char *name, uint64_t size);

/* Removes the file, its index first (an index without its log would look like a lost
 * log), and fsyncs the directory. */
int log_cut_remove(const char *dir, const char *name, zk_zxid zxid);

#endif
