package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Bodies ten times as large as all memory of the gateway's process pass it whole, either way.
@Timeout(300)
class LargeBodyFault {
  private static final int PIECE = 1 << 16;

  @TempDir
  Path folder;

  private TestHub hub;
  private ReplicaProcess gateway;
  private CannedTarget target;
  private AgentChain chain;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder);
    hub.allowPeers();
    gateway = ReplicaProcess.start(hub, folder, 1).getFirst();
    target = CannedTarget.plain();
    chain = AgentChain.start(
        hub,
        "large",
        folder.resolve("agent"),
        gateway.agentPort,
        target.port(),
        Optional.empty(),
        UnaryOperator.identity());
  }

  @AfterEach
  void stop() throws Exception {
    chain.close();
    target.close();
    gateway.close();
    hub.close();
  }

  private URI uri(String rest) {
    return URI.create("https://localhost:" + gateway.callerPort + chain.path() + rest);
  }

  @ParameterizedTest
  @CsvSource({"HTTP_1_1, 1024", "HTTP_2, 256"})
  void arrivesWhole(HttpClient.Version version, long mebibytes) throws Exception {
    long bytes = mebibytes << 20;
    target.behave("/download", (socket, _) -> {
      var to = socket.getOutputStream();
      to.write(("HTTP/1.1 200 OK\r\ncontent-length: " + bytes + "\r\n\r\n").getBytes(ISO_8859_1));
      try (var body = new Pattern(bytes)) {
        body.transferTo(to);
      }
    });
    target.behave("/upload", (socket, from) -> {
      var found = digestOf(from, bytes);
      socket
          .getOutputStream()
          .write(("HTTP/1.1 200 OK\r\ncontent-length: " + found.length() + "\r\n\r\n" + found)
              .getBytes(ISO_8859_1));
    });
    var expected = digestOf(new Pattern(bytes), bytes);
    try (var caller = hub.caller(version)) {
      var down = caller.send(
          HttpRequest.newBuilder(uri("/download")).build(), BodyHandlers.ofInputStream());
      assertThat(down.statusCode()).isEqualTo(200);
      try (var body = down.body()) {
        assertThat(digestOf(body, bytes)).isEqualTo(expected);
        assertThat(body.read()).isEqualTo(-1);
      }
      var up = caller.send(
          HttpRequest.newBuilder(uri("/upload"))
              .PUT(BodyPublishers.fromPublisher(
                  BodyPublishers.ofInputStream(() -> new Pattern(bytes)), bytes))
              .build(),
          BodyHandlers.ofString());
      assertThat(up.statusCode()).isEqualTo(200);
      assertThat(up.body()).isEqualTo(expected);
    }
  }

  /// Of that many bytes, the first.
  private static String digestOf(InputStream from, long bytes) throws IOException {
    var digest = sha256();
    var piece = new byte[PIECE];
    for (long left = bytes; left > 0; ) {
      int read = from.read(piece, 0, (int) Math.min(piece.length, left));
      if (read < 0) {
        throw new IOException("expected " + left + " bytes more");
      }
      digest.update(piece, 0, read);
      left -= read;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /// The same bytes each time, no two pieces alike: one that is lost, doubled or out of its place shows.
  private static final class Pattern extends InputStream {
    private final byte[] piece = new byte[PIECE];
    private final long bytes;
    private long at;

    Pattern(long bytes) {
      this.bytes = bytes;
      new SplittableRandom(7).nextBytes(piece);
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException("one byte at a time");
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      if (at == bytes) {
        return -1;
      }
      int from = (int) (at % PIECE);
      if (from == 0) {
        long number = at / PIECE;
        for (int i = 0; i < Long.BYTES; i++) {
          piece[i] = (byte) (number >> (i * Byte.SIZE));
        }
      }
      int count = Math.min(length, PIECE - from);
      System.arraycopy(piece, from, into, offset, count);
      at += count;
      return count;
    }
  }
}
