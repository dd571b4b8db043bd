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
    /* Milliseconds between two tries to move the client port. */
    NET_BIND_PAUSE_MS = 1000,

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

    /* Milliseconds of silence after which a client is let go when the server is asked to stop: one
     * that asks again and again goes with its next reply. */
    NET_DRAIN_QUIET_MS = 20,

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

/* Of the peers' ports. */
enum {
    /* Bytes that one read takes at most. */
    PEERS_READ_BYTES = 256 * 1024,
    /* Connections accepted in one turn, and milliseconds without accepting when the machine has no
     * descriptor left. */
    PEERS_ACCEPTS_PER_TURN = 64,
    PEERS_ACCEPT_PAUSE_MS = 100,
    PEERS_BIND_PAUSE_MS = 1000,

    /* Callers of the election port that have not said who they are; with one more the oldest is
     * closed. Each may have sent ZAB_INITIAL_MAX bytes. */
    PEERS_GUESTS_MAX = 64,
    /* Servers outside of the configuration that we talk to on the election port, for joiners ask
     * there; with one more the oldest is forgotten. Addresses that one may tell. */
    PEERS_STRANGERS_MAX = 32,
    PEERS_STRANGER_PLACES_MAX = 4,

    /* Calls: names tried for one, connections tried at the same time, and milliseconds that the
     * next address waits for the one before it. */
    PEERS_NAMES_MAX = 2 * 16,
    PEERS_TRIES_MAX = 32,
    PEERS_STAGGER_MS = 50,
    /* Milliseconds after which a call that hangs is made anew beside the first one, again and
     * again: what was dropped is not waited for. */
    PEERS_FRESH_CALL_MS = 500,
    /* Lookups under way; more wait. Names whose last addresses are remembered, for when a lookup
     * is slow or fails. Bytes of a name. */
    PEERS_LOOKUPS_MAX = 8,
    PEERS_KNOWN_NAMES_MAX = 256,
    PEERS_HOST_MAX = 255,

    /* Milliseconds for which an election connection must have lived so that, when it ends, the peer
     * is called again at once. Between two calls of which the other side asked for the second. For
     * how long a peer is called in vain after the last time there was something to say: longer than
     * who looks for a leader is silent (maxNotificationInterval). After which a call that hangs is
     * begun anew when the peer shows that it lives. */
    PEERS_STABLE_MS = 1000,
    PEERS_CALL_GAP_MS = 20,
    PEERS_RETRY_FOR_MS = 90000,
    PEERS_STALE_CALL_MS = 1000,
    /* Milliseconds for which a new connection stands against its peer's wish to be called. */
    PEERS_CROSSING_MS = 250,
    /* Milliseconds for which the other side's kernel may acknowledge nothing that was said on an
     * election connection: then it is over, and made anew. Seconds of silence after which it is
     * asked whether it is there (tcpKeepAlive). */
    PEERS_UNHEARD_MS = 2000,
    PEERS_IDLE_S = 30,
    /* A larger sid that was asked to call is not asked again before. */
    PEERS_KNOCK_PAUSE_MS = 100,

    /* Incoming links, with those that are ending; more are refused. Those of them that have sent no
     * packet; with one more the oldest is closed. */
    PEERS_LINKS_MAX = 600,
    PEERS_SILENT_LINKS_MAX = 64,
    /* Calls of a leader's quorum port for one link: a server that becomes leader may open its port
     * a moment later. */
    PEERS_LINK_TRIES = 6,
    /* Output of a link: bytes of one buffer, buffers kept for later, buffers that one write takes,
     * and bytes that leave in one turn. */
    PEERS_CHUNK_BYTES = 64 * 1024,
    PEERS_POOL_CHUNKS = 64,
    PEERS_IOV_MAX = 64,
    PEERS_FLUSH_BYTES = 4 * 1024 * 1024,
    /* Input that is kept beyond what one packet's data may be. */
    PEERS_LINK_EXTRA_BYTES = 64 * 1024,
    /* Milliseconds that a closed link has for what is unsent, and for the other side to close. */
    PEERS_LINGER_MS = 1000,

    /* Lines about what strangers did to us: so many in so many milliseconds. */
    PEERS_TELL_COUNT = 20,
    PEERS_TELL_MS = 10000,
};

#endif
