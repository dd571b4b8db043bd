package compat;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One server as a process of its own, started by the command in $COMPAT_SERVER, which is given a
 * zoo.cfg and properties as -Dname=value. What it prints goes to a file in $COMPAT_LOGS.
 */
public final class ServerProcess {
    private static final int START_S = 60;
    private static final int STOP_S = 15;
    private static final AtomicInteger COUNT = new AtomicInteger();
    /**
     * The servers end together with the thread that starts them (see the script `server`), so this
     * must be one that lives as long as the program.
     */
    private static final ExecutorService STARTER = Executors.newSingleThreadExecutor(body -> {
        Thread thread = new Thread(body, "starter");
        thread.setDaemon(true);
        return thread;
    });

    private final Process process;
    private final int port;

    private ServerProcess(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /**
     * Starts a server with this zoo.cfg and waits until it serves; one of an ensemble, until it
     * listens, since the others may be started later. A clientPort of 0 stands for any free one.
     */
    public static ServerProcess start(Map<String, String> config) throws Exception {
        boolean isAlone = config.keySet().stream().noneMatch(key -> key.startsWith("server."));
        int port = Integer.parseInt(config.get("clientPort"));
        if (port == 0) {
            port = Ports.free();
            config.put("clientPort", "" + port);
        }
        if (isAlone) {
            config.put("clientPortAddress", "127.0.0.1");
        }
        String name = "server-" + COUNT.incrementAndGet() + "-" + port;
        Path logs = Path.of(System.getenv("COMPAT_LOGS"));
        Path file = logs.resolve(name + ".cfg");
        List<String> lines = new ArrayList<>();
        config.forEach((key, value) -> lines.add(key + "=" + value));
        Files.write(file, lines, StandardCharsets.UTF_8);
        File log = logs.resolve(name + ".log").toFile();
        ProcessBuilder builder = new ProcessBuilder(command(file))
                .redirectErrorStream(true)
                .redirectOutput(log);
        Process process = STARTER.submit(builder::start).get();
        ServerProcess server = new ServerProcess(process, port);
        try {
            server.waitUntilItServes(isAlone);
        } catch (IOException e) {
            server.stop(true);
            throw new IOException(e.getMessage() + ": see " + log, e);
        } catch (InterruptedException e) {
            server.stop(true);
            throw e;
        }
        return server;
    }

    /** The server reads the properties that a test sets for the one in its own process. */
    private static List<String> command(Path config) {
        List<String> command = new ArrayList<>();
        command.add(System.getenv("COMPAT_SERVER"));
        command.add(config.toString());
        Properties properties = System.getProperties();
        for (String key : properties.stringPropertyNames()) {
            if (key.matches("(zookeeper|znode|readonlymode|jute)\\..*")) {
                command.add("-D" + key + "=" + properties.getProperty(key));
            }
        }
        return command;
    }

    private void waitUntilItServes(boolean isAlone) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_S);
        while (!answers(isAlone)) {
            if (!process.isAlive()) {
                throw new IOException("the server has ended with " + process.exitValue());
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("the server does not serve within " + START_S + " s");
            }
            Thread.sleep(10);
        }
    }

    private boolean answers(boolean isAlone) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            if (!isAlone) {
                return true;
            }
            socket.setSoTimeout(5000);
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            byte[] answer = socket.getInputStream().readAllBytes();
            return new String(answer, StandardCharsets.US_ASCII).contains("Mode: ");
        } catch (IOException e) {
            return false;
        }
    }

    public int port() {
        return port;
    }

    /** Ends the server, by SIGKILL if at once, and returns when it is gone. */
    public void stop(boolean atOnce) {
        boolean wasInterrupted = false;
        if (!atOnce) {
            process.destroy();
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(atOnce ? 0 : STOP_S);
        while (process.isAlive()) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                process.destroyForcibly();
            }
            try {
                process.waitFor(Math.max(left, 1000000), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                wasInterrupted = true; // A test's time is over; the server has to go all the same.
            }
        }
        if (wasInterrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
