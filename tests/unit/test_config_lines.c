/* server/config: single lines of a file, and what is said about them. */
#include "tests/unit/test_config_load.h"

/* One more line, and the end of the only note it gives: "warning: ..." or "error: ...",
 * or "" when it passes without one. */
static const struct line_case {
    const char *line, *note;
} line_cases[] = {
    /* Off passes, on stops. */
    { "admin.enableServer=false", "" },
    { "admin.enableServer=False", "" },
    { "admin.enableServer=true",
      "error: admin.enableServer: the AdminServer is not yet supported" },
    { "zookeeper.admin.enableServer=yes",
      "error: zookeeper.admin.enableServer: the AdminServer is not yet supported" },
    { "admin.serverPort=9090",
      "warning: admin.serverPort has no effect: the AdminServer is not yet supported" },
    { "secureClientPort=2281", "error: secureClientPort: TLS is not yet supported" },
    { "ssl.keyStore.location=/k", "error: ssl.keyStore.location: TLS is not yet supported" },
    { "ssl.quorum.keyStore.password=x",
      "error: ssl.quorum.keyStore.password: TLS is not yet supported" },
    { "ssl.crl=false", "" },
    { "ssl.clientAuth=none", "" },
    { "ssl.clientAuth=need", "error: ssl.clientAuth: TLS is not yet supported" },
    { "sslQuorum=true", "error: sslQuorum: TLS is not yet supported" },
    { "sslQuorum=off", "error: sslQuorum must be true or false" },
    { "portUnification=FALSE", "" },
    { "client.portUnification=true", "error: client.portUnification: TLS is not yet supported" },
    { "quorum.auth.enableSasl=true", "error: quorum.auth.enableSasl: SASL is not yet supported" },
    { "java.security.auth.login.config=/j",
      "error: java.security.auth.login.config: SASL is not yet supported" },
    { "sessionRequireClientSASLAuth=true",
      "error: sessionRequireClientSASLAuth: SASL is not yet supported" },
    { "sessionRequireClientSASLAuth=false", "" },
    { "superUser.1=root", "warning: superUser.1 has no effect: SASL is not yet supported" },
    { "oraclePath=/o", "error: oraclePath: an oracle is not yet supported" },
    { "audit.enable=true", "error: audit.enable: the audit log is not yet supported" },
    { "audit.enable=false", "" },
    { "pathStats.enabled=true",
      "error: pathStats.enabled: statistics of request paths is not yet supported" },
    { "reconfigEnabled=false", "" },
    { "localSessionsEnabled=true", "" },
    { "initLimit=10", "" },
    { "initLimit=ten", "error: initLimit: 'ten' is not a valid number" },
    { "leaderServes=no", "" },
    { "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider", "" },
    { "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
      "error: metricsProvider.className: "
      "'org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider' is not yet supported" },

    /* Of the JVM, and of nobody. */
    { "nio.numWorkerThreads=4",
      "warning: nio.numWorkerThreads means something only to a JVM: ignored" },
    { "commitProcessor.numWorkerThreads=4",
      "warning: commitProcessor.numWorkerThreads means something only to a JVM: ignored" },
    { "jvm.pause.monitor=true",
      "warning: jvm.pause.monitor means something only to a JVM: ignored" },
    { "jvm.pause.monitor=maybe", "error: jvm.pause.monitor must be true or false" },
    { "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
      "warning: serverCnxnFactory means something only to a JVM: ignored" },
    { "serverCnxnFactory=a.B", "error: serverCnxnFactory: the class 'a.B' is not supported" },
    { "watchManagerName=org.apache.zookeeper.server.watch.WatchManager", "" },
    { "watchManagerName=a.B", "error: watchManagerName: the class 'a.B' is not supported" },
    { "fooBar=1", "warning: nobody reads the property zookeeper.fooBar" },
    { "zookeeper.fooBar=1", "warning: nobody reads the property zookeeper.fooBar" },
    { "zookeeper.dataDir=/e", "warning: nobody reads the property zookeeper.dataDir" },
    { "zookeeper.jute.maxbuffer=5", "warning: nobody reads the property zookeeper.jute.maxbuffer" },
    { "datadir=/e", "warning: nobody reads the property zookeeper.datadir" },

    /* Numbers. */
    { "tickTime=abc", "error: tickTime: 'abc' is not a valid number" },
    { "tickTime=0x10", "error: tickTime: '0x10' is not a valid number" },
    { "tickTime=", "error: tickTime: '' is not a valid number" },
    { "tickTime=99999999999", "error: tickTime: '99999999999' is not a valid number" },
    { "tickTime=0", "error: tickTime must be from 1 to 107374182" },
    { "clientPort=65536", "error: clientPort must be from 0 to 65535" },
    { "clientPortListenBacklog=-1", "" },
    { "snapCount=0x", "warning: snapCount: '0x' is not a valid number: the default (100000) "
                      "counts, as in ZooKeeper" },
    { "snapCount=1", "warning: snapCount is out of its range: 2 counts" },
    { "autopurge.snapRetainCount=1",
      "warning: autopurge.snapRetainCount is out of its range: 3 counts" },
    { "maxClientCnxns=-1", "warning: maxClientCnxns is out of its range: 0 counts" },
    { "jute.maxbuffer=0", "error: jute.maxbuffer must be from 1 to 2147483647" },
    { "connection_throttle_drop_increase=x",
      "error: connection_throttle_drop_increase: 'x' is not a valid number" },
    { "electionAlg=3", "" },
    { "electionAlg=0", "error: electionAlg: there is only number 3" },
    { "peerType=Observer", "" },
    { "peerType=king", "error: peerType must be participant or observer" },
    { "minSessionTimeout=90000", "error: minSessionTimeout (90000 ms) is larger than "
                                 "maxSessionTimeout (60000 ms)" },
    { "maxSessionTimeout=100",
      "error: minSessionTimeout (6000 ms) is larger than maxSessionTimeout (100 ms)" },

    /* Switches. */
    { "enforceQuota=yes",
      "warning: enforceQuota is neither true nor false: taken as false, as in ZooKeeper" },
    { "forceSync=off", "warning: forceSync is neither yes nor no: taken as yes, as in ZooKeeper" },
    { "skipACL=true", "warning: skipACL is neither yes nor no: taken as no, as in ZooKeeper" },
    { "reconfigEnabled=1", "error: reconfigEnabled must be true or false" },
    { "standaloneEnabled=x", "error: standaloneEnabled must be true or false" },

    /* Texts. */
    { "snapshot.compression.method=snappy",
      "error: snapshot.compression.method: writing snappy is not supported, gz is" },
    { "snapshot.compression.method=zip",
      "warning: snapshot.compression.method: unknown method 'zip': none is used, as in "
      "ZooKeeper" },
    { "DigestAuthenticationProvider.digestAlg=CRC",
      "error: DigestAuthenticationProvider.digestAlg: there is no digest 'CRC'" },
    { "dataLogDir=", "error: dataLogDir is empty" },
    { "clientPortAddress=", "error: clientPortAddress is empty" },
    { "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider", "" },
    { "authProvider.1=org.apache.zookeeper.server.auth.KeyAuthenticationProvider",
      "error: authProvider.1: the class "
      "'org.apache.zookeeper.server.auth.KeyAuthenticationProvider' is not supported" },
    { "enforce.auth.enabled=true", "error: enforce.auth.enabled needs enforce.auth.schemes" },
    { "zabd.logLevel=loud", "error: zabd.logLevel must be error, warn, info or debug" },
    { "zabd.maxIngressBytes=many", "error: zabd.maxIngressBytes: 'many' is not a valid number" },

    /* Servers. */
    { "server.1=h:1:2:participant;2181", "" },
    { "server.1=h:1:2;0.0.0.0:2181", "" },
    { "server.1=[::1]:1:2", "" },
    { "server.1=[::1]:1:2:participant;[::]:2181", "" },
    { "server.1=h1:1:2|h2:1:2", "" },
    { "server.1=h:1:2;2182",
      "warning: server.1 names another client port than clientPort and clientPortAddress, "
      "which count" },
    { "server.1=h:1:2;[::1]:2181",
      "warning: server.1 names another client port than clientPort and clientPortAddress, "
      "which count" },
    { "server.x=h:1:2", "error: server.x: the server id is not a number" },
    { "server.1=h",
      "error: server.1 must read host:port:port[:participant|:observer][;[host:]port]" },
    { "server.1=h:1:2:king",
      "error: server.1 must read host:port:port[:participant|:observer][;[host:]port]" },
    { "server.1=[::1:1:2",
      "error: server.1 must read host:port:port[:participant|:observer][;[host:]port]" },
    { "server.1=h:1:2;a:b:c", "error: server.1: 'a:b:c' is not [host:]port" },
    { "server.1=h:7:7", "error: server.1: the quorum port and the election port are the same" },
    { "server.-1=h:1:2", "error: server.-1: the server id is not a number" },
    { "group.x=1", "error: group.x: the group id is not a number" },
    { "dynamicConfigFile=/c", "" },
    { "dynamicConfigFile=", "error: dynamicConfigFile is empty" },
    { "syncLimit=-1", "error: syncLimit must be from 0 to 2147483647" },
    { "leaderServes=never",
      "warning: leaderServes is neither yes nor no: taken as yes, as in ZooKeeper" },
    { "observerMasterPort=65536", "error: observerMasterPort must be from 0 to 65535" },
    { "commitLogCount=10", "warning: commitLogCount is out of its range: 500 counts" },
    { "fastleader.minNotificationInterval=0",
      "warning: fastleader.minNotificationInterval is out of its range: 1 counts" },
    { "quorum.cnxn.threads.size=40",
      "warning: quorum.cnxn.threads.size means something only to a JVM: ignored" },
    { "zabd.linearizableReads=yes", "error: zabd.linearizableReads must be true or false" },
    { "zabd.learnerFeedBytes=1", "error: zabd.learnerFeedBytes must be from 65536 to "
                                 "9223372036854775807" },
    { "zabd.epochTxns=99", "error: zabd.epochTxns must be from 100 to 4293918720" },
    { "server.1=h:1:2:observer",
      "error: server.1: observers need an ensemble of several participants" },
    { "standaloneEnabled=false",
      "error: standaloneEnabled=false needs at least one participant (server.N)" },
    { "group.1=1", "" },
    { "weight.1=1", "" },

    /* Syntax. */
    { "tickTime=\\u12", "error: \\u must be followed by four hexadecimal digits" },
};

START_TEST(a_line_is_taken_or_told_with_its_number)
{
    const struct line_case *c = &line_cases[_i];
    struct loaded l = load_line(c->line);

    if (c->note[0] == '\0') {
        is_quiet(&l);
    } else {
        char want[512];
        bool is_error = strncmp(c->note, "error", 5) == 0;
        (void)snprintf(want, sizeof want, "%s:3: %s\n", file_name, c->note);
        const char *notes = notes_of(&l);
        ck_assert_msg(strstr(notes, want) != NULL, "want %s have %s", want, notes);
        ck_assert_uint_eq(l.report.error_count, is_error ? 1 : 0);
        ck_assert_int_eq(l.status, is_error ? -EINVAL : 0);
        ck_assert((l.conf == NULL) == is_error);
    }
    done(&l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config lines");
    TCase *tests = tcase_create("lines");

    tcase_add_loop_test(tests, a_line_is_taken_or_told_with_its_number, 0,
                        (int)(sizeof line_cases / sizeof line_cases[0]));
    suite_add_tcase(suite, tests);
    return run(suite);
}
