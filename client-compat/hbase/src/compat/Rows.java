package compat;

import static compat.Wrong.same;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.Get;
import org.apache.hadoop.hbase.client.Put;
import org.apache.hadoop.hbase.client.Result;
import org.apache.hadoop.hbase.client.ResultScanner;
import org.apache.hadoop.hbase.client.Scan;
import org.apache.hadoop.hbase.client.Table;
import org.apache.hadoop.hbase.util.Bytes;

/** Rows whose contents follow from their numbers. */
public final class Rows {
    public static final byte[] FAMILY = Bytes.toBytes("f");
    private static final byte[] COLUMN = Bytes.toBytes("c");
    private static final int BATCH = 500;
    private static final String FILLING = "-".repeat(80);

    private Rows() {
    }

    /** Numbers that follow one another go to all regions: the low digits come first. */
    public static byte[] key(int number) {
        return new StringBuilder(String.format("%07d", number)).reverse().toString()
                .getBytes(StandardCharsets.US_ASCII);
    }

    public static int number(byte[] key) {
        return Integer.parseInt(new StringBuilder(Bytes.toString(key)).reverse().toString());
    }

    public static byte[] value(int number, int generation) {
        return (number + "." + generation + FILLING).getBytes(StandardCharsets.US_ASCII);
    }

    /** Where a table of so many regions is split. */
    public static byte[][] splits(int regions) {
        byte[][] keys = new byte[regions - 1][];
        for (int i = 1; i < regions; i++) {
            keys[i - 1] = Bytes.toBytes(String.format("%02d", i * 100 / regions));
        }
        return keys;
    }

    public static List<Put> puts(int from, int to, int generation) {
        List<Put> puts = new ArrayList<>();
        for (int number = from; number < to; number++) {
            puts.add(new Put(key(number)).addColumn(FAMILY, COLUMN, value(number, generation)));
        }
        return puts;
    }

    public static void write(Connection connection, TableName name, int count, int generation)
            throws IOException {
        try (Table table = connection.getTable(name)) {
            for (int from = 0; from < count; from += BATCH) {
                table.put(puts(from, Math.min(count, from + BATCH), generation));
            }
        }
    }

    /** The table has exactly the rows 0 to count - 1 of this generation. */
    public static void expect(Connection connection, TableName name, int count, int generation)
            throws Exception {
        same(count(connection, name, generation, number -> number < count), count,
                "rows in " + name);
    }

    /** Scans all; every row must be expected and hold what its number says. */
    public static int count(Connection connection, TableName name, int generation,
            IntPredicate isExpected) throws Exception {
        int count = 0;
        try (Table table = connection.getTable(name);
                ResultScanner rows = table.getScanner(new Scan().setCaching(1000))) {
            for (Result row : rows) {
                int number = number(row.getRow());
                Wrong.holds(isExpected.test(number), "nobody wrote row " + number);
                expect(row, number, generation);
                count++;
            }
        }
        return count;
    }

    /** Single rows, by their keys. */
    public static void expectSome(Connection connection, TableName name, int count, int generation)
            throws Exception {
        try (Table table = connection.getTable(name)) {
            for (int number = 0; number < count; number += count / 500) {
                expect(table.get(new Get(key(number))), number, generation);
            }
            Wrong.holds(table.get(new Get(key(count))).isEmpty(), "row " + count + " is there");
        }
    }

    private static void expect(Result row, int number, int generation) throws Wrong {
        same(Bytes.toString(row.getValue(FAMILY, COLUMN)), new String(value(number, generation),
                StandardCharsets.US_ASCII), "row " + number);
    }
}
