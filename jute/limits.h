/* Limits of this floor: name, unit, default, and what happens at the limit. Those
 * that ZK can be told by a property are defaults here; who reads the configuration
 * passes the number in force to jute_frame_look() and to the log's reader. */
#ifndef JUTE_LIMITS_H
#define JUTE_LIMITS_H

enum {
    /* Bytes of a client's frame, without its length prefix (jute.maxbuffer). A frame
     * of exactly this size is taken; a longer one closes the connection as soon as
     * its four length bytes are read, before any memory is taken for it. */
    JUTE_PACKET_BYTES_MAX = 0xfffff,

    /* Bytes that files and peers may go beyond jute.maxbuffer, since what was taken
     * from a client grows by its txn header (zookeeper.jute.maxbuffer.extrasize).
     * ZK's default is jute.maxbuffer itself; smaller settings are raised to the
     * minimum. */
    JUTE_EXTRA_BYTES = JUTE_PACKET_BYTES_MAX,
    JUTE_EXTRA_BYTES_MIN = 1024,

    /* Bytes of one log entry, of one string or buffer in a snapshot, of the data of
     * one quorum packet: the sum of the above. Beyond it a reader refuses the file or
     * drops the peer; a writer refuses the request, since ZK could not read it back. */
    JUTE_ENTRY_BYTES_MAX = JUTE_PACKET_BYTES_MAX + JUTE_EXTRA_BYTES,

    /* What a printer shows of one string or buffer (bytes) and of one vector
     * (elements). The rest is cut, and the text says so. */
    JUTE_PRINT_STR_MAX = 200,
    JUTE_PRINT_BUF_MAX = 16,
    JUTE_PRINT_ELEMENTS_MAX = 8,
};

#endif
