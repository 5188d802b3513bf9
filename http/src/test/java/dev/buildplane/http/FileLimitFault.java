package dev.buildplane.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A process that may have few files open, and callers that come in greater number.
final class FileLimitFault {
  private static final int FILES = OpenConnections.RESERVED_DESCRIPTORS + 50;
  private static final int CALLERS = FILES + 50;
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int SOCKET_MILLIS = 60_000;

  @TempDir
  Path folder;

  /// A server that opens a file for every answer.
  public static final class Child {
    public static void main(String[] arguments) throws Exception {
      var file = Path.of(arguments[0]);
      var route = Route.blocking(
          Set.of("GET"),
          "/file",
          Policy.PUBLIC,
          exchange -> exchange.respond(200, Headers.EMPTY, Files.readAllBytes(file)));
      try (var server = Servers.plain(HttpLimits.DEFAULT, route)) {
        System.out.println("port " + server.port());
        System.out.flush();
        System.in.read();
      }
    }
  }

  @Test
  void moreCallersThanFilesCostTheOnesTooManyAndNobodyElse() throws Exception {
    var file = Files.writeString(folder.resolve("file"), "there");
    var log = Files.createFile(folder.resolve("child.log"));
    var child = new ProcessBuilder(
            "prlimit",
            "--nofile=" + FILES + ":" + FILES,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Child.class.getName(),
            file.toString())
        .redirectError(log.toFile())
        .start();
    var callers = new ArrayList<Socket>();
    try (var output = child.inputReader(StandardCharsets.UTF_8)) {
      var line = output.readLine();
      while (line != null && !line.startsWith("port ")) {
        line = output.readLine();
      }
      assertThat(line).as(Files.readString(log)).isNotNull();
      int port = Integer.parseInt(line.substring("port ".length()));
      for (int i = 0; i < CALLERS; i++) {
        callers.add(connect(port));
      }
      var served = callers.stream().filter(FileLimitFault::served).toList();
      assertThat(served).hasSizeBetween(1, FILES - OpenConnections.RESERVED_DESCRIPTORS);
      assertThat(served).as("asked again").allMatch(FileLimitFault::served);
      closeAll(callers);
      await().atMost(PATIENCE).until(() -> {
        try (var later = connect(port)) {
          return served(later);
        }
      });
    } finally {
      closeAll(callers);
      child.destroy();
      assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static Socket connect(int port) throws IOException {
    var socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(SOCKET_MILLIS);
    return socket;
  }

  private static void closeAll(List<Socket> sockets) throws IOException {
    for (var socket : sockets) {
      socket.close();
    }
  }

  /// Whether a request is answered; a connection that was one too many is closed instead.
  private static boolean served(Socket socket) {
    try {
      socket
          .getOutputStream()
          .write("GET /file HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.UTF_8));
      var answer = new StringBuilder();
      while (!answer.toString().endsWith("there")) {
        int next = socket.getInputStream().read();
        if (next < 0) {
          return false;
        }
        answer.append((char) next);
      }
      return answer.toString().startsWith("HTTP/1.1 200");
    } catch (IOException reset) {
      return false;
    }
  }
}
