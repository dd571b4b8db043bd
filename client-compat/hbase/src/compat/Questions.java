package compat;

import static compat.Cluster.eventually;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.apache.hadoop.hbase.HConstants;
import org.apache.hadoop.hbase.NamespaceDescriptor;
import org.apache.hadoop.hbase.NamespaceNotFoundException;
import org.apache.hadoop.hbase.ServerName;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptor;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptorBuilder;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.RegionInfo;
import org.apache.hadoop.hbase.client.RegionLocator;
import org.apache.hadoop.hbase.client.TableDescriptor;
import org.apache.hadoop.hbase.client.TableDescriptorBuilder;
import org.apache.hadoop.hbase.util.Bytes;

/** What is asked of the cluster, in this order; the names of all tables begin with a prefix. */
public class Questions {
    private static final int ROWS = 50000;
    private static final int REGIONS = 6;

    private final Cluster cluster;
    private final Znodes znodes;
    private final String prefix;
    private final Connection connection;
    private final Admin admin;
    private final TableName rows;
    /** Where the rows that are written in the background arrive. */
    private final Path replicated;
    private Writer writer;

    Questions(Cluster cluster, Znodes znodes, Path folder, String prefix) throws Exception {
        this.cluster = cluster;
        this.znodes = znodes;
        this.prefix = prefix;
        connection = cluster.connection();
        admin = connection.getAdmin();
        rows = TableName.valueOf(prefix + "-rows");
        replicated = folder.resolve(prefix + "-replicated");
    }

    private static TableDescriptor descriptor(TableName name, String... more) {
        TableDescriptorBuilder builder = TableDescriptorBuilder.newBuilder(name)
                .setColumnFamily(ColumnFamilyDescriptorBuilder.of(Rows.FAMILY));
        for (String family : more) {
            builder.setColumnFamily(ColumnFamilyDescriptorBuilder.of(family));
        }
        return builder.build();
    }

    public void twoMastersAndTwoRegionServersFindOneAnother() throws Exception {
        cluster.waitUntilWhole(admin);
        znodes.expect(admin);
    }

    public void rowsAreWrittenAndReplicatedInTheBackground() throws Exception {
        Files.createDirectory(replicated);
        admin.addReplicationPeer(prefix, Endpoint.config(replicated));
        TableName name = TableName.valueOf(prefix + "-background");
        ColumnFamilyDescriptor family = ColumnFamilyDescriptorBuilder.newBuilder(Rows.FAMILY)
                .setScope(HConstants.REPLICATION_SCOPE_GLOBAL).build();
        admin.createTable(TableDescriptorBuilder.newBuilder(name).setColumnFamily(family).build(),
                Rows.splits(REGIONS));
        writer = new Writer(connection, name);
        writer.waitForMore(100);
        eventually(() -> !Endpoint.arrived(replicated).isEmpty(), "the first rows at the peer");
    }

    public void tablesAreMadeChangedAndDropped() throws Exception {
        String space = prefix + "Space";
        admin.createNamespace(NamespaceDescriptor.create(space).build());
        List<TableName> names = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            names.add(TableName.valueOf(space, "t" + i));
            admin.createTable(descriptor(names.get(i)), Rows.splits(2));
        }
        same(Arrays.asList(admin.listTableNamesByNamespace(space)), names, "tables");
        TableName name = names.get(0);
        Rows.write(connection, name, 1000, 0);
        admin.disableTable(name);
        holds(admin.isTableDisabled(name), "not disabled");
        admin.modifyTable(descriptor(name, "more"));
        admin.enableTable(name);
        same(admin.getDescriptor(name).getColumnFamilyCount(), 2, "families");
        Rows.expect(connection, name, 1000, 0);
        admin.flush(name);
        admin.disableTable(name);
        admin.truncateTable(name, true);
        Rows.expect(connection, name, 0, 0);
        for (TableName each : names) {
            admin.disableTable(each);
            admin.deleteTable(each);
        }
        same(admin.listTableNamesByNamespace(space).length, 0, "tables that are left");
        admin.deleteNamespace(space);
        try {
            admin.getNamespaceDescriptor(space);
            throw new Wrong("the namespace is still there");
        } catch (NamespaceNotFoundException e) {
            // As it must be.
        }
    }

    public void fiftyThousandRowsAreWrittenAndReadBack() throws Exception {
        admin.createTable(descriptor(rows), Rows.splits(REGIONS));
        Rows.write(connection, rows, ROWS, 0);
        Rows.expect(connection, rows, ROWS, 0);
        Rows.expectSome(connection, rows, ROWS, 0);
    }

    public void regionsAreSplitMergedAndMoved() throws Exception {
        RegionInfo whole = admin.getRegions(rows).get(0);
        admin.splitRegionAsync(whole.getEncodedNameAsBytes(), Bytes.toBytes("07")).get();
        same(admin.getRegions(rows).size(), REGIONS + 1, "regions after the split");
        Rows.expect(connection, rows, ROWS, 0);
        List<RegionInfo> regions = admin.getRegions(rows);
        admin.mergeRegionsAsync(new byte[][] {regions.get(2).getEncodedNameAsBytes(),
                regions.get(3).getEncodedNameAsBytes()}, false).get();
        same(admin.getRegions(rows).size(), REGIONS, "regions after the merge");
        Rows.expect(connection, rows, ROWS, 0);
        // Not before the split: a client that knows the old region would be sent to and fro between
        // the two servers, each of which remembers that it went to the other.
        for (ServerName to : admin.getClusterMetrics().getLiveServerMetrics().keySet()) {
            RegionInfo first = admin.getRegions(rows).get(0);
            admin.move(first.getEncodedNameAsBytes(), to);
            eventually(() -> to.equals(home(rows)), "the region at " + to);
        }
        Rows.expect(connection, rows, ROWS, 0);
    }

    /** The server of a table's first region. */
    private ServerName home(TableName name) throws java.io.IOException {
        try (RegionLocator locator = connection.getRegionLocator(name)) {
            return locator.getRegionLocation(HConstants.EMPTY_START_ROW, true).getServerName();
        }
    }

    public void aKilledRegionServersRegionsAreRecovered() throws Exception {
        ServerName victim = home(TableName.META_TABLE_NAME);
        Rows.write(connection, rows, ROWS / 10, 1); // Only in memory and in the log of writes.
        cluster.serverOf(victim).kill();
        cluster.startRegionServer();
        Rows.write(connection, rows, ROWS, 1);
        Rows.expect(connection, rows, ROWS, 1);
        holds(!victim.equals(home(TableName.META_TABLE_NAME)), "hbase:meta is where it was");
        cluster.waitUntilWhole(admin);
        znodes.expect(admin);
        Rows.expectSome(connection, rows, ROWS, 1);
        writer.waitForMore(500);
    }

    public void theOtherMasterTakesOver() throws Exception {
        ServerName victim = admin.getMaster();
        ServerName heir = admin.getBackupMasters().iterator().next();
        admin.balancerSwitch(false, true);
        cluster.serverOf(victim).kill();
        Rows.expectSome(connection, rows, ROWS, 1); // Without a master.
        TableName name = TableName.valueOf(prefix + "-heir");
        admin.createTable(descriptor(name), Rows.splits(REGIONS));
        same(admin.getMaster(), heir, "the active master");
        cluster.startMaster(); // Not before, or it might be faster.
        holds(!admin.isBalancerEnabled(), "the balancer is on again");
        admin.balancerSwitch(true, true);
        Rows.write(connection, name, 1000, 0);
        Rows.expect(connection, name, 1000, 0);
        cluster.waitUntilWhole(admin);
        znodes.expect(admin);
    }

    public void snapshotsAreClonedAndRestored() throws Exception {
        String snapshot = prefix + "-snapshot";
        TableName clone = TableName.valueOf(prefix + "-clone");
        admin.snapshot(snapshot, rows);
        Rows.write(connection, rows, ROWS, 2);
        admin.cloneSnapshot(snapshot, clone);
        Rows.expect(connection, clone, ROWS, 1);
        Rows.expect(connection, rows, ROWS, 2);
        admin.disableTable(rows);
        admin.restoreSnapshot(snapshot);
        admin.enableTable(rows);
        Rows.expect(connection, rows, ROWS, 1);
        same(admin.listSnapshots().stream().map(s -> s.getName()).toList(), List.of(snapshot),
                "snapshots");
        admin.deleteSnapshot(snapshot);
        same(admin.listSnapshots(), List.of(), "snapshots");
    }

    public void noAcknowledgedRowIsLost() throws Exception {
        writer.waitForMore(500);
        writer.close();
        System.out.printf("          %d rows acknowledged, the slowest batch took %.1f s%n",
                writer.count(), writer.longestMs() / 1e3);
        same(writer.failures(), 0, "batches that were given up");
        writer.verify();
    }

    public void allOfThemAreReplicated() throws Exception {
        BitSet missing = new BitSet();
        eventually(() -> {
            missing.clear();
            missing.or(writer.acknowledged());
            missing.andNot(Endpoint.arrived(replicated));
            return missing.isEmpty();
        }, "all rows at the peer");
        same(admin.listReplicationPeers().stream().map(p -> p.getPeerId()).toList(),
                List.of(prefix), "peers");
        admin.removeReplicationPeer(prefix);
        same(admin.listReplicationPeers(), List.of(), "peers");
    }
}
