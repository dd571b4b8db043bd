/* Dynamic files: the members of an ensemble as they are on disk (quorum-protocol 1.5).
 *
 *   zoo.cfg.dynamic.VERSION   those in force; the version is hexadecimal, and only in the name
 *   zoo.cfg.dynamic.next      those that were proposed and are not in force yet
 *   zoo.cfg                   names the first of them from then on, and holds no members itself
 *   zoo.cfg.bak               what zoo.cfg was before
 *
 * Every file is written beside itself, fsynced, renamed, and its directory fsynced, in an order
 * in which a crash leaves a configuration that may be started with. */
#ifndef SERVER_DYNAMIC_H
#define SERVER_DYNAMIC_H

#include "util/ids.h"
#include "zab/config.h"

enum { DYNAMIC_WHY_MAX = 512 };

/* Reads a dynamic file; what its name ends with is the version (0 when that is no number).
 * Returns 0 and a reference, or a negative errno and why. */
int dynamic_read(struct zab_config **ret, const char *path, const struct zab_config_rules *rules,
                 char why[DYNAMIC_WHY_MAX]);
/* Reads CONFIG_PATH.dynamic.next; *ret is NULL when there is none. */
int dynamic_read_next(struct zab_config **ret, const char *config_path,
                      const struct zab_config_rules *rules, char why[DYNAMIC_WHY_MAX]);

/* Removes that file, as it was decided, or never will be: there need be none. 0, or a negative
 * errno and why. */
int dynamic_drop_next(const char *config_path, char why[DYNAMIC_WHY_MAX]);

/* What is on disk. Begin with the versions that the server started with. */
struct dynamic {
    const char *config_path; /* Of zoo.cfg; borrowed. */
    zk_sid self;
    /* Where clients come in. When the members don't say that, zoo.cfg has to. */
    const char *client_host; /* Borrowed; NULL: all addresses. */
    int32_t client_port;
    zk_zxid stored;      /* Version in force. */
    zk_zxid stored_next; /* Version of .next; 0: there is none. */
};

/* Makes the disk hold cur, and last_seen where that is of a later version (NULL: it is not).
 * What it holds already is not written again. Returns when all is durable: 0, or a negative
 * errno and why. */
int dynamic_store(struct dynamic *d, const struct zab_config *cur,
                  const struct zab_config *last_seen, char why[DYNAMIC_WHY_MAX]);

/* Copies the file to FILE.bak. */
int dynamic_back_up(const char *config_path, char why[DYNAMIC_WHY_MAX]);

#endif
