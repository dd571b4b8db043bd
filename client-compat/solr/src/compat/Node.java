package compat;

import java.util.Properties;
import org.apache.solr.embedded.JettyConfig;
import org.apache.solr.embedded.JettySolrRunner;

/** One node of a Solr cloud: Node HOME PORT. HOME holds solr.xml; SIGTERM ends it in order. */
public final class Node {
    private Node() {}

    public static void main(String[] args) {
        JettyConfig config =
                new JettyConfig.Builder()
                        .setContext("/solr")
                        .setPort(Integer.parseInt(args[1]))
                        .stopAtShutdown(true)
                        .build();
        JettySolrRunner runner = new JettySolrRunner(args[0], new Properties(), config);
        try {
            runner.start();
        } catch (Exception | Error e) {
            e.printStackTrace();
            System.exit(1); // Threads that it has started would keep the process.
        }
        System.out.println("node: " + runner.getNodeName() + " serves");
    }
}
