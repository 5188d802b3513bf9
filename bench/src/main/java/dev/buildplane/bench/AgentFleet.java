package dev.buildplane.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentSettings;
import java.net.URI;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.slf4j.LoggerFactory;

/// The product's agents, one a plane, in one process; they dial, and dial again, as they do for users.
///
/// Arguments: folder of certificates, kubeconfig of their cluster, how many connections each keeps, how many agents, name of their planes before the
/// number, then the gateways' URLs. Writes a line `NANOS CONNECTIONS` with each change: the monotonic time of this machine in nanoseconds, and how many
/// connections all of them have together. Ends when the standard input does.
final class AgentFleet {
  private AgentFleet() {}

  public static void main(String[] arguments) throws Exception {
    var told = System.out;
    System.setOut(System.err); // where the log goes
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
    var certificates = new Certificates(Path.of(arguments[0]));
    var count = Integer.parseInt(arguments[3]);
    var urls = Arrays.stream(arguments, 5, arguments.length).map(URI::create).toList();
    var connected = new AtomicIntegerArray(count);
    for (var i = 0; i < count; i++) {
      var index = i;
      var settings = AgentSettings.of(
              urls.getFirst(),
              "buildplane",
              arguments[4] + i,
              certificates.certificateFile("agent"),
              certificates.keyFile("agent"),
              certificates.certificateFile("server-ca"),
              Optional.of(Path.of(arguments[1])))
          .withServerUrls(urls)
          .withConnections(Integer.parseInt(arguments[2]));
      Agent.start(settings).onStatus(status -> {
        synchronized (told) {
          connected.set(index, status.connected());
          var sum = IntStream.range(0, count).map(connected::get).sum();
          told.println(System.nanoTime() + " " + sum);
          told.flush();
        }
      });
    }
    System.in.transferTo(java.io.OutputStream.nullOutputStream());
    System.exit(0);
  }
}
