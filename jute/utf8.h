/* UTF-8 as ZK's reader sees it. The wire's strings are bytes to this floor; a ZK
 * server decodes them to text and so turns invalid bytes into U+FFFD. What must
 * compare equal to what a ZK server keeps goes through here. */
#ifndef JUTE_UTF8_H
#define JUTE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"

/* Whether the bytes are well-formed: no overlong form, no surrogate, nothing above
 * U+10FFFF. Exactly these come out of Java's decoder without a replacement. */
bool utf8_is_valid(const uint8_t *at, size_t len);

/* Appends the bytes with each ill-formed part replaced by U+FFFD (ef bf bd), cut into
 * parts as Java does it: the longest run that could begin a character counts as one,
 * and so does a whole encoded surrogate (three bytes), unlike in other decoders. */
void utf8_repair(struct bytes *out, const uint8_t *at, size_t len);

/* What ZK would send or store for a text that it was sent: repaired, and each character
 * beyond U+FFFF as two surrogates of three bytes each, since its writer encodes Java's
 * chars one by one (client-protocol 1.2). The first tells whether that is the text itself. */
bool utf8_is_as_written(const uint8_t *at, size_t len);
void utf8_as_written(struct bytes *out, const uint8_t *at, size_t len);
/* And back, for people to read: pairs of surrogates become characters again. */
void utf8_as_shown(struct bytes *out, const uint8_t *at, size_t len);

#endif
