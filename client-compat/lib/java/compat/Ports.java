package compat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Ports for the servers that a suite starts. */
public final class Ports {
    private static final int FIRST = 20000;
    /** Where the range begins from which the kernel takes the ports of clients. */
    private static final int END = 32000;

    private Ports() {
    }

    /** One that is free on the loopback, and that no client can take before it is used. */
    public static int free() {
        while (true) {
            int port = ThreadLocalRandom.current().nextInt(FIRST, END);
            try (ServerSocket probe = new ServerSocket()) {
                probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                return port;
            } catch (IOException e) {
                continue; // It is taken: another one.
            }
        }
    }
}
