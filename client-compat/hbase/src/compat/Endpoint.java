package compat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.hadoop.hbase.Cell;
import org.apache.hadoop.hbase.CellUtil;
import org.apache.hadoop.hbase.replication.BaseReplicationEndpoint;
import org.apache.hadoop.hbase.replication.ReplicationPeerConfig;
import org.apache.hadoop.hbase.wal.WAL;

/**
 * Where a peer of the replication ends: the region servers write the rows' numbers into a file
 * each, in a folder of the peer's. What is to be sent, and by whom, HBase keeps in ZooKeeper.
 */
public class Endpoint extends BaseReplicationEndpoint {
    private static final String FOLDER = "compat.folder";
    private static final UUID PEER = UUID.randomUUID();

    public static ReplicationPeerConfig config(Path folder) {
        return ReplicationPeerConfig.newBuilder()
                .setReplicationEndpointImpl(Endpoint.class.getName())
                .putConfiguration(FOLDER, folder.toString())
                .build();
    }

    /** The rows that have arrived in a peer's folder. */
    public static BitSet arrived(Path folder) throws IOException {
        BitSet numbers = new BitSet();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                List<String> lines = Files.readAllLines(file);
                // The last one of a server that was killed may be a part of a number.
                lines.stream().filter(line -> line.length() == 8 && line.endsWith("."))
                        .forEach(line -> numbers.set(Integer.parseInt(line.substring(0, 7))));
            }
        }
        return numbers;
    }

    @Override
    public UUID getPeerUUID() {
        return PEER;
    }

    @Override
    public boolean replicate(ReplicateContext context) {
        Path file = Path.of(ctx.getPeerConfig().getConfiguration().get(FOLDER),
                Long.toString(ProcessHandle.current().pid()));
        // Several queues may be sent at once.
        synchronized (Endpoint.class) {
            try (BufferedWriter out = Files.newBufferedWriter(file, StandardCharsets.US_ASCII,
                    StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
                for (WAL.Entry entry : context.getEntries()) {
                    for (Cell cell : entry.getEdit().getCells()) {
                        out.write(String.format("%07d.%n", Rows.number(CellUtil.cloneRow(cell))));
                    }
                }
            } catch (IOException e) {
                return false; // It is sent again.
            }
        }
        return true;
    }

    @Override
    public void start() {
        startAsync();
    }

    @Override
    public void stop() {
        stopAsync();
    }

    @Override
    protected void doStart() {
        notifyStarted();
    }

    @Override
    protected void doStop() {
        notifyStopped();
    }
}
