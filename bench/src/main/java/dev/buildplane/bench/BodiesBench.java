package dev.buildplane.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.buildplane.testkit.TestTls;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.Socket;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `bench/run bodies`: large bodies at a bounded rate through a small gateway and a small agent, and how a second caller fares beside them.
@Command(
    name = "bodies",
    sortOptions = false,
    description =
        "Large bodies through gateway and agent with 64 MiB of heap, beside a second caller.")
final class BodiesBench implements Callable<Integer> {
  private static final String PLANE = "bodies";
  private static final List<String> SMALL_JVM = List.of("-Xmx64m", "-XX:MaxDirectMemorySize=64m");
  private static final long CANARY_PAUSE_MILLIS = 20;
  private static final int ALONE_SECONDS = 5;
  private static final int PIECE_BYTES = 64 * 1024;
  private static final long MIB = 1 << 20;

  @Option(
      names = "--mib",
      paramLabel = "N",
      defaultValue = "2048",
      description = "Size of each body (default: ${DEFAULT-VALUE})")
  int mebibytes;

  @Option(
      names = "--mib-per-second",
      paramLabel = "N",
      defaultValue = "64",
      description = "How fast the reader reads and the writer writes (default: ${DEFAULT-VALUE})")
  int rate;

  @Option(
      names = "--only",
      paramLabel = "DIRECTION",
      description = "${COMPLETION-CANDIDATES} (default: one after the other)")
  @Nullable
  Direction only;

  /// Which way a body goes, seen from the caller.
  enum Direction {
    DOWNLOAD,
    UPLOAD
  }

  private final PrintStream out = System.out;

  /// A body under way.
  @FunctionalInterface
  private interface Transfer {
    /// What it came to.
    String run() throws Exception;
  }

  @Override
  public Integer call() throws Exception {
    Main.printWhereAndWhen(out);
    try (var workplace = new Workplace()) {
      var folder = workplace.path();
      var certificates = Certificates.create(folder.resolve("pki"));
      try (var target = Child.part("target", folder, List.of("-Xmx128m"), "target", certificates);
          var hub = Child.part(
              "hub",
              folder,
              List.of("-Xmx512m"),
              "hub",
              certificates,
              folder.resolve("hub").toString());
          var gateway = Child.part(
              "gateway",
              folder,
              SMALL_JVM,
              "gateway",
              certificates,
              Integer.toString(hub.port("api")))) {
        Planes.create(certificates, hub.port("api"), PLANE);
        var near =
            AgentProcess.endpoint(certificates, "127.0.0.1", gateway.port("callers"), PLANE, false);
        var direct = new Endpoint(
            "127.0.0.1",
            target.port("target"),
            "",
            false,
            certificates.trust("server-ca"),
            Optional.empty());
        try (var agent = AgentProcess.start(
                "agent",
                folder,
                certificates,
                List.of(),
                SMALL_JVM,
                "127.0.0.1:" + gateway.port("agents"),
                PLANE,
                "127.0.0.1:" + target.port("target"),
                List.of());
            var canary = new LoadClient(near)) {
          AgentProcess.awaitAnswer(canary, agent);
          out.printf(
              "%n## Bodies of %d MiB at %d MiB/s, gateway and agent with %s%n%n| | came to | second caller, p50 / p99 ms | gateway: live heap, RSS MiB | agent: live heap, RSS MiB |%n|---|---|---|---|---|%n",
              mebibytes, rate, String.join(" ", SMALL_JVM));
          measure("nothing else", canary, gateway, agent, () -> {
            TimeUnit.SECONDS.sleep(ALONE_SECONDS);
            return "-";
          });
          if (only != Direction.UPLOAD) {
            var expected = download(direct, false);
            measure("download", canary, gateway, agent, () -> {
              var found = download(near, true);
              return found.equals(expected) ? "checksum equal" : "checksum DIFFERS";
            });
          }
          if (only != Direction.DOWNLOAD) {
            measure("upload", canary, gateway, agent, () -> upload(near));
          }
        }
      }
    }
    return 0;
  }

  private void measure(
      String name, LoadClient canary, Child gateway, Child agent, Transfer transfer)
      throws Exception {
    var beside = canary.paced(Request.get("/small"), CANARY_PAUSE_MILLIS);
    var came = transfer.run();
    var served = beside.stop();
    out.printf(
        "| %s | %s | %.1f / %.1f | %s | %s |%n",
        name,
        came,
        served.quantileMillis(0.5),
        served.quantileMillis(0.99),
        memory(gateway),
        memory(agent));
  }

  private static String memory(Child process) throws IOException, InterruptedException {
    var usage = new Usage("", process.handle());
    var resident = usage.residentMebibytes(); // before the histogram's collection
    return "%.0f, %.0f"
        .formatted((double) JvmMemory.liveBytes(process.handle().pid()) / MIB, resident);
  }

  private static Socket connect(Endpoint to) throws IOException {
    return TestTls.context(to.user().orElse(null), to.trust())
        .getSocketFactory()
        .createSocket(to.host(), to.port());
  }

  private String download(Endpoint from, boolean bounded) throws Exception {
    var digest = MessageDigest.getInstance("SHA-256");
    try (var socket = connect(from)) {
      ask(socket, "GET " + from.prefix() + "/bulk?bytes=" + mebibytes * MIB, "");
      var body = new DataInputStream(socket.getInputStream());
      awaitBody(body);
      var piece = new byte[PIECE_BYTES];
      var begun = System.nanoTime();
      for (long came = 0; came < mebibytes * MIB; came += piece.length) {
        body.readFully(piece);
        digest.update(piece);
        if (bounded) {
          pace(begun, came);
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private String upload(Endpoint to) throws Exception {
    try (var socket = connect(to)) {
      ask(socket, "PUT " + to.prefix() + "/sink", "Content-Length: " + mebibytes * MIB + "\r\n");
      var piece = new byte[PIECE_BYTES];
      var begun = System.nanoTime();
      for (long sent = 0; sent < mebibytes * MIB; sent += piece.length) {
        socket.getOutputStream().write(piece);
        pace(begun, sent);
      }
      awaitBody(socket.getInputStream());
      var counted = new String(
          socket.getInputStream().readNBytes(Long.toString(mebibytes * MIB).length()), US_ASCII);
      return counted.equals(Long.toString(mebibytes * MIB)) ? "count equal" : "count DIFFERS";
    }
  }

  private static void ask(Socket socket, String request, String more) throws IOException {
    socket
        .getOutputStream()
        .write((request + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n").getBytes(US_ASCII));
    socket.getOutputStream().flush();
  }

  /// Reads a head.
  ///
  /// @throws IOException when it is not that of a 200
  private static void awaitBody(InputStream from) throws IOException {
    var head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = from.read();
      if (next < 0) {
        throw new IOException("expected an answer, found the end after: " + head);
      }
      head.append((char) next);
    }
    if (!head.toString().startsWith("HTTP/1.1 200 ")) {
      throw new IOException("expected 200, found " + head);
    }
  }

  private void pace(long begunNanos, long bytes) throws InterruptedException {
    var due = begunNanos + (long) (bytes * 1e9 / (rate * (double) MIB));
    var early = due - System.nanoTime();
    if (early > 0) {
      TimeUnit.NANOSECONDS.sleep(early);
    }
  }
}
