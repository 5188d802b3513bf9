package dev.buildplane.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DelayingRelayIT {
  private static final Duration ONE_WAY = Duration.ofMillis(30);
  private static final int BYTES = 3_000_000;

  @Test
  void everyByteArrivesUnchangedAndNotBeforeItsTime() throws Exception {
    var sent = new byte[BYTES];
    new Random(7).nextBytes(sent);
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        var relay = DelayingRelay.start(ONE_WAY, 100 << 20, server.getLocalPort());
        var client = new Socket(InetAddress.getLoopbackAddress(), relay.port())) {
      var echo = Thread.ofVirtual().start(() -> echo(server));
      var writer = Thread.ofVirtual().start(() -> write(client, sent));
      var begun = System.nanoTime();
      var first = client.getInputStream().read();
      var took = Duration.ofNanos(System.nanoTime() - begun);
      var rest = client.getInputStream().readAllBytes();
      assertThat((byte) first).isEqualTo(sent[0]);
      assertThat(rest).hasSize(BYTES - 1).endsWith(java.util.Arrays.copyOfRange(sent, 1, BYTES));
      assertThat(took).isGreaterThanOrEqualTo(ONE_WAY);
      echo.join();
      writer.join();
    }
  }

  private static void echo(ServerSocket server) {
    try (var accepted = server.accept()) {
      accepted.getInputStream().transferTo(accepted.getOutputStream());
      accepted.shutdownOutput();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void write(Socket client, byte[] bytes) {
    try {
      client.getOutputStream().write(bytes);
      client.shutdownOutput();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
