/* What the files behind auth.h share: the schemes, and one file a scheme's rules. */
#ifndef SERVER_REQUEST_AUTH_IMPL_H
#define SERVER_REQUEST_AUTH_IMPL_H

#include "server/auth/auth.h"

/* Bytes of all schemes and ids of one connection. At the limit an auth packet fails. */
enum { AUTH_IDS_BYTES_MAX = 16384 };

/* Schemes with a meaning. Any other text is SCHEME_UNKNOWN. */
enum auth_scheme {
    SCHEME_UNKNOWN,
    SCHEME_WORLD, /* In ACLs only. */
    SCHEME_AUTH,  /* In ACLs of requests only: stands for the ids of the connection. */
    SCHEME_SUPER, /* In connections only. */
    SCHEME_IP,
    SCHEME_DIGEST,
    SCHEME_SASL,
    SCHEME_X509,
    SCHEME_ENSEMBLE, /* In auth packets only. */
};

enum auth_scheme auth_scheme_of(struct jute_bytes text);
/* Whether a provider stands behind it: then its ids are valid in ACLs and match. */
bool auth_is_registered(const struct auth_conf *conf, enum auth_scheme scheme);
/* Whether an id of it proves who somebody is: what `auth` in an ACL expands to. */
bool auth_is_identity(enum auth_scheme scheme);
/* Walks a comma list without its blanks; empty parts are skipped. False at the end. */
bool auth_next_name(const char **list, struct jute_bytes *ret);

enum auth_scheme idset_scheme_at(const struct idset *s, size_t index);
bool idset_is_super(const struct idset *s);
/* Adds an id. Returns 1 when *set was replaced by a set with it, 0 when it was there
 * before, -1 when a limit is reached; then *set is as it was. */
int auth_idset_add(struct idset **set, struct jute_bytes scheme, struct jute_bytes id);

/* Java's rules for what an `ip` id in an ACL may look like, and what it matches. */
bool auth_ip_is_valid(struct jute_bytes id);
bool auth_ip_matches(struct jute_bytes id, struct jute_bytes pattern);

/* Whether the text is a distinguished name, as javax.security's X500Principal takes it. */
bool auth_x509_is_valid(struct jute_bytes id);

bool auth_digest_is_valid(struct jute_bytes id);
bool auth_digest_is_known(const char *algorithm);

#endif
