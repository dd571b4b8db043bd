/* Identities and ACLs (client-protocol 6): who a connection is, and what it may do.
 * Pure: no I/O. Secrets never reach a log line. */
#ifndef SERVER_REQUEST_AUTH_H
#define SERVER_REQUEST_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "jute/codec.h"
#include "jute/opcodes.h"
#include "util/bytes.h"

struct auth_conf {
    bool digest_enabled;          /* DigestAuthenticationProvider.enabled. */
    const char *super_digest;     /* "user:base64", or NULL. */
    const char *digest_algorithm; /* As Java names it; NULL: SHA1. */
    bool skip_acl;                /* skipACL=yes. */
    bool ensemble_provider;       /* An EnsembleAuthenticationProvider is registered. */
    const char *ensemble_names;   /* Comma list, or NULL. */
    bool sasl_provider, x509_provider;
    const char *let_any_sasl; /* letAnySaslUserDoX, or NULL. */
    const char *x509_super_user;
    /* enforce.auth: schemes of which a connection must have an id, comma list; NULL off. */
    const char *enforced_schemes;
};

/* Checks the configuration (an enforced scheme must be registered, a digest algorithm
 * known). Returns NULL or what is wrong (static text). */
const char *auth_conf_check(const struct auth_conf *conf);

/* An immutable, reference-counted set of (scheme, id) pairs; the common case of one ip
 * id is one small allocation. Requests hold the set that was current when they were
 * read. Not thread-safe. */
struct idset;

/* The set that every connection begins with: (ip, textual address in Java's form). */
struct idset *idset_of_address(const struct sockaddr *peer);
/* The set of identities that another server says its client has (quorum-protocol 3.2). NULL: a null
 * text, or more than one connection can have. */
struct idset *idset_of_ids(struct jute_vector ids);
struct idset *idset_ref(struct idset *s);
struct idset *idset_unref(struct idset *s); /* Returns NULL. */
size_t idset_count(const struct idset *s);
void idset_at(const struct idset *s, size_t index, struct jute_bytes *ret_scheme,
              struct jute_bytes *ret_id);
/* The user name that whoAmI shows for an id (client-protocol 3.13). */
struct jute_bytes idset_user_at(const struct auth_conf *conf, const struct idset *s, size_t index);

/* Upper bounds against hostile clients: ids of one connection. At the limit an auth
 * packet fails. */
enum { AUTH_IDS_MAX = 256 };

enum auth_answer {
    AUTH_OK,     /* Reply err 0; *ids was replaced when something was added. */
    AUTH_FAILED, /* Reply -115, then close. */
    AUTH_CLOSE,  /* Close without a reply. */
};
/* The auth packet (6.4). On AUTH_OK *ids may be a new set (the old one was unreferenced). */
enum auth_answer auth_packet(const struct auth_conf *conf, struct idset **ids,
                             struct jute_bytes scheme, struct jute_bytes data);

/* Whether enforcement (6.6) lets this connection make requests. */
bool auth_is_enough(const struct auth_conf *conf, const struct idset *ids);

/* 6.2: whether any of the bits in perm is granted by the list. */
bool auth_allows(const struct auth_conf *conf, const struct idset *ids, struct jute_vector acls,
                 int32_t perm);

/* 6.3: the fix-up of create and setACL. `acls` may be null (count -1). On ZK_OK
 * appends a complete vector<ACL> (count and elements) to out. Else ZK_INVALID_ACL, or
 * ZK_MARSHALLING_ERROR (a null id under world, digest, ip), out as it was. Cheap for
 * the one-entry world:anyone list. The result is bounded: ACL_BYTES_MAX. */
enum { ACL_BYTES_MAX = 1 << 20 };
enum zk_err auth_fix_acls(const struct auth_conf *conf, const struct idset *ids,
                          struct jute_vector acls, struct bytes *out);

/* 3.11: appends the vector with digest ids masked as user:x. */
void auth_mask_acls(struct jute_vector acls, struct bytes *out);

/* base64(hash(user:password)) with the user: "user:…" — what digest ACLs hold. False on
 * an unknown algorithm. */
bool auth_digest_id(struct bytes *out, const char *algorithm, struct jute_bytes user_password);

#endif
