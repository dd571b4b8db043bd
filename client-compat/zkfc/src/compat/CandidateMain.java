package compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The program of a candidate, a service and its failover controller: compat.CandidateMain CONNECT
 * ROOT OWN OTHER, the last two as texts of a Target. It reads "sick" and "well", and ends with its
 * standard input, which the suite holds.
 */
public final class CandidateMain {
    private CandidateMain() {
    }

    public static void main(String[] args) throws Exception {
        Target own = new Target(args[2]);
        Controller controller = new Controller(args[0], args[1], own,
                List.of(new Target(args[3])));
        Service service = new Service();
        service.serve(controller.conf(), own);
        Thread thread = new Thread(() -> obey(service), "suite");
        thread.setDaemon(true);
        thread.start();
        int status = controller.run(new String[0]);
        System.out.println("candidate: ended with " + status);
        Runtime.getRuntime().halt(status);
    }

    private static void obey(Service service) {
        try {
            BufferedReader in = new BufferedReader(
                    new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line; (line = in.readLine()) != null;) {
                service.setSick(line.equals("sick"));
            }
        } catch (IOException e) {
            // The same as its end.
        }
        Runtime.getRuntime().halt(1);
    }
}
