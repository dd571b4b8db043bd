package compat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/**
 * A TCP relay between a client and the servers, so that a question can cut the connection. It
 * forwards to the first of the servers that accepts.
 */
public class Relay implements AutoCloseable {
    private final List<InetSocketAddress> servers = new ArrayList<>();
    private final List<Socket> open = new ArrayList<>();
    private final ServerSocket listener;
    private boolean refusing;

    public Relay(String connect) throws IOException {
        for (String server : connect.split(",")) {
            int colon = server.lastIndexOf(':');
            servers.add(new InetSocketAddress(server.substring(0, colon),
                    Integer.parseInt(server.substring(colon + 1))));
        }
        listener = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        start(this::acceptClients);
    }

    public String address() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    private static void start(Runnable body) {
        Thread thread = new Thread(body, "relay");
        thread.setDaemon(true);
        thread.start();
    }

    private void acceptClients() {
        try {
            while (true) {
                Socket client = listener.accept();
                start(() -> link(client));
            }
        } catch (IOException e) {
            // close() has closed the listener.
        }
    }

    private Socket dial() {
        for (InetSocketAddress address : servers) {
            Socket server = new Socket();
            try {
                server.connect(address, 5000);
                return server;
            } catch (IOException e) {
                end(server);
            }
        }
        return null;
    }

    private void link(Socket client) {
        Socket server = isRefusing() ? null : dial();
        synchronized (this) {
            if (server == null || refusing) {
                end(client);
                end(server);
                return;
            }
            open.add(client);
            open.add(server);
        }
        start(() -> pump(server, client));
        pump(client, server);
    }

    private static void pump(Socket from, Socket to) {
        try {
            to.setTcpNoDelay(true);
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[65536];
            for (int n; (n = in.read(buffer)) > 0;) {
                out.write(buffer, 0, n);
            }
        } catch (IOException e) {
            // The other end is told below.
        }
        end(from);
        end(to);
    }

    private static void end(Socket socket) {
        try {
            if (socket != null) {
                socket.close();
            }
        } catch (IOException e) {
            // It is gone either way.
        }
    }

    private synchronized boolean isRefusing() {
        return refusing;
    }

    /** Ends every open connection; the client may connect again at once. */
    public synchronized void cut() {
        open.forEach(Relay::end);
        open.clear();
    }

    /** Keeps the open connections and ends each new one until accept(). */
    public synchronized void shut() {
        refusing = true;
    }

    /** Ends every open connection and each new one until accept(). */
    public synchronized void refuse() {
        shut();
        cut();
    }

    public synchronized boolean isUsed() {
        return open.stream().anyMatch(socket -> !socket.isClosed());
    }

    public synchronized void accept() {
        refusing = false;
    }

    @Override
    public void close() throws IOException {
        listener.close();
        refuse();
    }
}
