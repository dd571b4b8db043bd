/* Limits of this floor: name, unit, default, and what happens at the limit. Those that
 * can be configured are in struct net_conf. */
#ifndef SERVER_NET_LIMITS_H
#define SERVER_NET_LIMITS_H

enum {
    /* Bytes that one read takes at most; the buffer is one for the whole loop. */
    NET_READ_BYTES = 256 * 1024,
    /* Bytes of input that, when kept, are copied in front of the next read. More is read
     * to where it lies. Longer than a word with its argument. */
    NET_COPY_BYTES = 256,

    /* Microseconds of one turn that go into reading and answering (in callbacks, then for
     * those who had to wait, then for those who ask for much), and into sending. What is
     * not done by then waits for the next turn, in order. */
    NET_TURN_INPUT_US = 5000,
    NET_TURN_OUTPUT_US = 10000,
    /* Bytes of replies after which a connection has asked for much: the others go first,
     * then it is its turn again. And bytes of output that leave before larger ones: many
     * who ask for much keep nobody waiting who asks for little. */
    NET_SLICE_BYTES = 64 * 1024,
    NET_SMALL_OUTPUT_BYTES = 16 * 1024,
    /* Frames between two looks at the clock. */
    NET_FRAMES_PER_LOOK = 32,

    /* Connections accepted in one turn. */
    NET_ACCEPTS_PER_TURN = 256,
    /* Milliseconds without accepting when the machine has no descriptor left. */
    NET_ACCEPT_PAUSE_MS = 100,

    /* Milliseconds between two log lines about refused connections. */
    NET_TELL_MS = 10000,

    /* Sends made together: so many at most, and no more once they have so many bytes; and
     * the number from which on a helper takes part. */
    NET_SENDS_AT_ONCE = 256,
    NET_SENDS_BYTES = 1024 * 1024,
    NET_SENDS_WITH_HELP = 48,

    /* Output buffers kept for the next turn: how many, and bytes of the largest kept. */
    NET_POOL_BUFFERS = 32,
    NET_POOL_BYTES = 64 * 1024,

    /* Bytes sent but not yet taken out of a buffer: beyond it, and half of the buffer,
     * the rest is moved to the front. */
    NET_SENT_BYTES = 64 * 1024,

    /* What a slow reader must take within slow_reader_ms to count as reading, bytes. */
    NET_READER_BYTES = 4096,

    /* A connection that ends: milliseconds for what is still to be sent, and then for
     * the other side to close first (closing over unread bytes would destroy what
     * was just sent). */
    NET_FINISH_MS = 5000,
    NET_LINGER_MS = 1000,

    /* Milliseconds that the answer of a four-letter word may take. */
    NET_WORD_MS = 30000,

    /* Words whose answer grows with the server (cons, stat, dump, wchp, wchc) that are
     * answered at once; more wait, in order. Bytes of an answer made in one turn; of
     * one that can only be made at once (wchp, wchc: the rest of the watches is left
     * out); and of namespaces with a quota in mntr. */
    WORDS_LARGE_AT_ONCE = 2,
    WORDS_STEP_BYTES = 128 * 1024,
    WORDS_TEXT_BYTES_MAX = 32 * 1024 * 1024,
    WORDS_NAMESPACES_MAX = 256,
};

#endif
