/* Limits of this floor that users of the library need not know; those they do are in zabclient.h.
 */
#ifndef CLIENT_LIMITS_H
#define CLIENT_LIMITS_H

enum {
    CLIENT_HOST_BYTES_MAX = 255,      /* Of a host's name. More: the list is refused. */
    CLIENT_SERVERS_BYTES_MAX = 65536, /* Of a whole server list. More: it is refused. */
    CLIENT_ADDRESSES_MAX = 16,        /* Of one host; further ones are not tried. */
    CLIENT_PASSWD_BYTES_MAX = 64,     /* Of a session's password. More: the server is left. */
    CLIENT_READ_BYTES = 64 * 1024,   /* Taken from the socket at once, unless a frame needs more. */
    CLIENT_WRITE_BYTES = 256 * 1024, /* Of requests that wait in the connection's buffer. */
    CLIENT_OUT_BYTES_KEPT = 512 * 1024, /* Of that buffer's memory, once all of it is sent. */
    CLIENT_REWATCH_BYTES = 128 * 1024,  /* Of paths in one setWatches. Longer lists go in pieces. */
    CLIENT_PING_MS_MAX = 10000,         /* Between pings, however long the timeout. */
    CLIENT_PAUSE_MS_MAX = 1000,         /* Before the next server is tried. */
    CLIENT_RW_SEARCH_MS_MIN =
        100, /* Between questions for a server that takes writes: it doubles */
    CLIENT_RW_SEARCH_MS_MAX = 60000, /* up to this. */
};

#endif
