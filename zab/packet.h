/* What peers say to each other, decoded: notifications of the election port, packets of
 * the quorum port (quorum-protocol 2.2 to 2.4, 3.1 to 3.3). */
#ifndef ZAB_PACKET_H
#define ZAB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "util/bytes.h"
#include "util/ids.h"

enum zab_packet_type {
    ZAB_REQUEST = 1,
    ZAB_PROPOSAL = 2,
    ZAB_ACK = 3,
    ZAB_COMMIT = 4,
    ZAB_PING = 5,
    ZAB_REVALIDATE = 6,
    ZAB_SYNC = 7,
    ZAB_INFORM = 8,
    ZAB_COMMITANDACTIVATE = 9,
    ZAB_NEWLEADER = 10,
    ZAB_FOLLOWERINFO = 11,
    ZAB_UPTODATE = 12,
    ZAB_DIFF = 13,
    ZAB_TRUNC = 14,
    ZAB_SNAP = 15,
    ZAB_OBSERVERINFO = 16,
    ZAB_LEADERINFO = 17,
    ZAB_ACKEPOCH = 18,
    ZAB_INFORMANDACTIVATE = 19,
};

enum {
    ZAB_PROTOCOL_VERSION = 0x10000,
    ZAB_PACKET_MIN = 20,    /* Bytes of a packet without data and identities. */
    ZAB_FRAME_MAX = 524288, /* Of the election port. */
    ZAB_INITIAL_ADDRESS_MAX = 2048,
    ZAB_INITIAL_MAX = 20 + ZAB_INITIAL_ADDRESS_MAX,
};

/* Borrows from where it was read, or from who made it. */
struct zab_packet {
    int32_t type;
    zk_zxid zxid;
    struct jute_bytes data;      /* len -1: null, which is not the same as empty. */
    struct jute_vector authinfo; /* Of Id records; count -1: null. */
};

/* One packet from the begin of at[0..len). Returns its bytes; 0 when it is not all there yet; or
 * -EBADMSG: it can never be one. Strings and buffers up to `max` bytes each, and all identities
 * together: no packet is longer than ZAB_PACKET_MIN + 2 * max. Any type is read. */
int64_t zab_packet_read(struct zab_packet *ret, const uint8_t *at, size_t len, size_t max);
void zab_packet_write(const struct zab_packet *p, struct bytes *out);
/* The name that ZooKeeper gives it, or "?". */
const char *zab_packet_name(int32_t type);

struct zab_vote {
    zk_sid leader; /* INT64_MIN: of an observer, nobody. */
    zk_zxid zxid;
    int64_t round; /* Logical clock of the election. */
    int64_t epoch; /* Current epoch of the proposed leader (peerEpoch). */
};

enum zab_state { ZAB_STATE_LOOKING, ZAB_STATE_FOLLOWING, ZAB_STATE_LEADING, ZAB_STATE_OBSERVING };

struct zab_notification {
    int32_t state; /* enum zab_state, or what a liar sent. */
    struct zab_vote vote;
    int32_t version;          /* Of the format: 0, 1 or 2, or what a liar sent. */
    struct jute_bytes config; /* Text; len -1 before format 2. */
};

/* The body of a frame (without its length). -EBADMSG: to be ignored (quorum-protocol 2.4). */
int zab_notification_read(struct zab_notification *ret, const uint8_t *at, size_t len);
/* The whole frame, length first, always in format 2. */
void zab_notification_write(const struct zab_notification *n, struct bytes *out);

/* What opens a connection to the election port. */
struct zab_initial {
    zk_sid sid;
    struct jute_bytes addresses; /* "host:port|host:port"; len -1: the old form, none. */
};
/* Returns the bytes taken, 0: more is needed, -EBADMSG. The addresses are well-formed. */
int64_t zab_initial_read(struct zab_initial *ret, const uint8_t *at, size_t len);
/* One of the addresses: without brackets, printable, not to be trusted any further. */
struct zab_initial_address {
    struct jute_bytes host;
    uint16_t port;
};
/* Takes the next one off rest: 1, 0 when there is none left, -EBADMSG. */
int zab_initial_next(struct jute_bytes *rest, struct zab_initial_address *ret);
/* multi: the form with a list (version -65535), else the one of a single address. Addresses
 * beyond ZAB_INITIAL_ADDRESS_MAX bytes are left out. */
void zab_initial_write(zk_sid sid, const char *addresses, bool multi, struct bytes *out);

#endif
