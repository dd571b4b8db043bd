package compat;

import java.io.IOException;
import java.util.BitSet;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.Table;

/** Writes rows in the background, a few every now and then, and knows which were acknowledged. */
public class Writer implements AutoCloseable {
    private static final int BATCH = 10;
    private static final int PAUSE_MS = 20;

    private final Connection connection;
    private final TableName name;
    private final BitSet acknowledged = new BitSet();
    private final Thread thread = new Thread(this::write, "writer");
    private volatile boolean hasEnded;
    private int next;
    private int failures;
    private long longestMs;

    Writer(Connection connection, TableName name) {
        this.connection = connection;
        this.name = name;
        thread.setDaemon(true);
        thread.start();
    }

    private void write() {
        try (Table table = connection.getTable(name)) {
            while (!hasEnded) {
                int from = next;
                long start = System.nanoTime();
                boolean isDone = put(table, from);
                long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
                synchronized (this) {
                    next = from + BATCH;
                    longestMs = Math.max(longestMs, ms);
                    if (isDone) {
                        acknowledged.set(from, next);
                    } else {
                        failures++;
                    }
                    wait(PAUSE_MS);
                }
            }
        } catch (IOException | InterruptedException e) {
            synchronized (this) {
                failures++;
            }
        }
    }

    private static boolean put(Table table, int from) {
        try {
            table.put(Rows.puts(from, from + BATCH, 0));
            return true;
        } catch (IOException e) {
            e.printStackTrace();
            return false;
        }
    }

    public synchronized BitSet acknowledged() {
        return (BitSet) acknowledged.clone();
    }

    public synchronized int count() {
        return acknowledged.cardinality();
    }

    public synchronized int failures() {
        return failures;
    }

    /** Of the slowest batch. */
    public synchronized long longestMs() {
        return longestMs;
    }

    /** Goes on only after this many rows more have been acknowledged. */
    public void waitForMore(int rows) throws Exception {
        int before = count();
        Cluster.eventually(() -> count() >= before + rows, "rows written in the background");
    }

    @Override
    public void close() throws Exception {
        hasEnded = true;
        thread.join(TimeUnit.SECONDS.toMillis(Cluster.PATIENCE_S));
        Wrong.holds(!thread.isAlive(), "the writer still waits for an acknowledgement");
    }

    /** All rows that were acknowledged are in the table. */
    public synchronized void verify() throws Exception {
        BitSet missing = acknowledged();
        Rows.count(connection, name, 0, number -> {
            missing.clear(number);
            return number < next;
        });
        Wrong.holds(missing.isEmpty(), missing.cardinality() + " of " + acknowledged.cardinality()
                + " acknowledged rows are lost: " + missing);
        Wrong.holds(!acknowledged.isEmpty(), "no row was acknowledged");
    }
}
