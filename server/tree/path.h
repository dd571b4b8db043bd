/* Rules of paths (client-protocol 3.1). */
#ifndef SERVER_TREE_PATH_H
#define SERVER_TREE_PATH_H

#include <stdbool.h>

#include "jute/codec.h"

/* Full validation, as ZK does it on the decoded string. Input is UTF-8; invalid UTF-8
 * was repaired or refused before. */
bool path_is_valid(struct jute_bytes path);
/* What create, delete check early: contains '/' and no NUL. */
bool path_is_plausible(struct jute_bytes path);
bool path_has_nul(struct jute_bytes path);
/* "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config": never deleted. */
bool path_is_reserved(struct jute_bytes path);
/* Text before the last '/' ("" for "/a"); requires a '/' in it. */
struct jute_bytes path_parent(struct jute_bytes path);
struct jute_bytes path_last(struct jute_bytes path);

#endif
