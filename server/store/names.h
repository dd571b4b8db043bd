/* Names of log and snapshot files (storage-format 1.1, 1.2). Internal to the floor. */
#ifndef SERVER_STORE_NAMES_H
#define SERVER_STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/store/log_reader.h"
#include "util/ids.h"

enum { STORE_NAME_MAX = 256 };

struct store_name {
    zk_zxid zxid;
    char name[STORE_NAME_MAX];
};

/* Whether `name` is FAMILY.<hex>[.anything], as ZooKeeper takes it: what follows the
 * hex digits is ignored. Ids that are negative or too large do not count. */
bool store_name_parse(zk_zxid *ret, const char *name, const char *family);

/* Whether the part of the name behind its last dot is `ext`, in any case. */
bool store_name_has_ext(const char *name, const char *ext);

/* Lists the files of a family in `dir`, ascending by zxid; among equals the shorter
 * name first, so that log.65 comes before log.65.bak. free() the array. Returns 0 or
 * a negative errno with why filled. */
int store_scan(struct store_name **ret, size_t *ret_count, const char *dir, const char *family,
               char why[STORE_WHY_MAX]);

/* A new string "dir/name"; never NULL. */
char *store_join(const char *dir, const char *name);

#endif
