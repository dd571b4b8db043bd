/* The membership of an ensemble: who votes, where each member listens, which version
 * (quorum-protocol 1.1 to 1.3, 5.1). ZooKeeper calls it a quorum verifier.
 *
 * Immutable once made, reference-counted; pure: names stay names, nothing is resolved. */
#ifndef ZAB_CONFIG_H
#define ZAB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "util/bytes.h"
#include "util/ids.h"

enum {
    ZAB_MEMBERS_MAX = 255,        /* Servers in one configuration. */
    ZAB_ADDRESSES_MAX = 16,       /* Of one member. */
    ZAB_CONFIG_TEXT_MAX = 524288, /* Bytes; what a notification can carry. */
    ZAB_CONFIG_WHY_MAX = 256,
};

struct zab_address {
    char *host; /* Without brackets; IPv6 in full, as Java prints it. */
    uint16_t quorum_port, election_port;
};

struct zab_member {
    zk_sid sid;
    bool is_voter;
    struct zab_address *addresses; /* In order of host, as they are printed. */
    size_t address_count;          /* At least 1. */
    char *client_host;             /* NULL: none given. */
    int32_t client_port;           /* -1: none given. */
    bool client_is_static;         /* From clientPort of the static file: not printed. */
    int64_t weight;                /* 1 unless given. */
    int64_t group;                 /* -1 without groups. */
};

struct zab_config {
    int refs;
    zk_zxid version;            /* 0: never established. */
    struct zab_member *members; /* Ascending by sid. */
    size_t count, voters;
    bool has_groups; /* Hierarchical quorums. */
    int64_t *groups; /* Ids, ascending. */
    size_t group_count;
};

/* What a text may leave out or must not have. */
struct zab_config_rules {
    bool standalone_enabled; /* False: one voter is enough, none is an error. */
    bool multi_address;      /* multiAddress.enabled. */
};

/* Strict: every key must be of the membership, or `version`, and there once (quorum-protocol 1.2).
 * Hosts are names, IPv4 or [IPv6], ids not negative. Never fails on memory. Returns 0 and a
 * reference, or with why: -EINVAL, or -EDOM where an id or the version is no number. len counts
 * bytes; text needs no NUL. */
int zab_config_parse(struct zab_config **ret, const char *text, size_t len,
                     const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX]);
/* One line's value, "host:port:port[:role][;[host:]port]", into an otherwise zero member.
 * Returns 0 or -EINVAL with why; the member is then empty. */
int zab_member_parse(struct zab_member *ret, zk_sid sid, const char *text, size_t len,
                     const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX]);
void zab_member_done(struct zab_member *m);
/* Takes over members (and their texts) in any order, also when it fails; checks what spans members:
 * ids twice, groups incomplete, no voter. groups and weights are in the members. */
int zab_config_make(struct zab_config **ret, struct zab_member *members, size_t count,
                    bool has_groups, zk_zxid version, const struct zab_config_rules *rules,
                    char why[ZAB_CONFIG_WHY_MAX]);
struct zab_config *zab_config_ref(struct zab_config *c);
void zab_config_unref(struct zab_config *c); /* NULL is fine. */
/* The same members with another version; a new reference. */
struct zab_config *zab_config_with_version(const struct zab_config *c, zk_zxid version);

/* Appends the text of quorum-protocol 1.2, "version=" last and without a newline behind it. */
void zab_config_print(const struct zab_config *c, struct bytes *out);
/* Appends "server.N=..." of one member without a newline. */
void zab_member_print(const struct zab_member *m, struct bytes *out);

const struct zab_member *zab_config_find(const struct zab_config *c, zk_sid sid); /* Or NULL. */
bool zab_config_is_voter(const struct zab_config *c, zk_sid sid);
int64_t zab_config_weight(const struct zab_config *c, zk_sid sid); /* 0 for strangers. */
/* Whether two members listen for learners at the same addresses. */
bool zab_member_same_quorum_address(const struct zab_member *a, const struct zab_member *b);
/* Whether it stands for all addresses of a machine; so does NULL. */
bool zab_host_is_any(const char *host);
/* Whether these servers are a quorum. Who does not vote does not count, nor does a sid twice. */
bool zab_config_is_quorum(const struct zab_config *c, const zk_sid *sids, size_t count);

/* Reconfiguration (quorum-protocol 5.2 step 1): joining is a comma list of "server.N=...", leaving
 * one of sids; or members, a whole configuration (commas or newlines between its lines). Any may
 * have len -1. Returns 0 and the next configuration, or with why -EINVAL (BADARGUMENTS) or -EDOM
 * (MARSHALLINGERROR, where ZK fails to read a number). */
int zab_config_change(struct zab_config **ret, const struct zab_config *from,
                      struct jute_bytes joining, struct jute_bytes leaving,
                      struct jute_bytes members, zk_zxid version,
                      const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX]);

#endif
