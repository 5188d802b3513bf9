package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A target that answers each path with the very bytes it was given for it, and keeps what reached it. One thread per connection.
final class CannedTarget implements AutoCloseable {
  /// @param head request line and header lines
  /// @param trailers lines after a chunked body
  record Seen(String head, byte[] body, List<String> trailers) {
    String path() {
      return head.split(" ", 3)[1];
    }
  }

  /// What happens instead of an answer.
  @FunctionalInterface
  interface Behaviour {
    void on(Socket connection, InputStream from) throws IOException;
  }

  /// What happens instead of an answer where that depends on the request's head.
  @FunctionalInterface
  interface Conversation {
    void on(String head, Socket connection, InputStream from) throws IOException;
  }

  private static final Logger log = LoggerFactory.getLogger(CannedTarget.class);

  final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();
  final AtomicInteger open = new AtomicInteger();
  private final Map<String, byte[]> answers = new ConcurrentHashMap<>();
  private final Map<String, Conversation> behaviours = new ConcurrentHashMap<>();
  private final ServerSocket listener;

  private CannedTarget(ServerSocket listener) {
    this.listener = listener;
    Thread.ofVirtual().start(this::serve);
  }

  static CannedTarget tls(Identity identity) throws Exception {
    var own = java.security.KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry(
        "own",
        identity.key(),
        new char[0],
        identity.chain().toArray(java.security.cert.Certificate[]::new));
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, new char[0]);
    var context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    return new CannedTarget(context
        .getServerSocketFactory()
        .createServerSocket(0, 512, InetAddress.getLoopbackAddress()));
  }

  static CannedTarget tls(CertificateAuthority ca) throws Exception {
    return tls(ca.issueServer("localhost", List.of("localhost"), TestHub.YEAR));
  }

  static CannedTarget plain() throws IOException {
    return new CannedTarget(new ServerSocket(0, 512, InetAddress.getLoopbackAddress()));
  }

  int port() {
    return listener.getLocalPort();
  }

  /// From now on requests for `path` get these bytes, lines ended by CRLF where the text has `\n` before the body.
  void answer(String path, byte[] bytes) {
    answers.put(path, bytes);
  }

  void behave(String path, Behaviour behaviour) {
    converse(path, (_, connection, from) -> behaviour.on(connection, from));
  }

  void converse(String path, Conversation conversation) {
    behaviours.put(path, conversation);
  }

  private void serve() {
    while (!listener.isClosed()) {
      try {
        var connection = listener.accept();
        open.incrementAndGet();
        Thread.ofVirtual().start(() -> serve(connection));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      var from = new BufferedInputStream(connection.getInputStream());
      for (var head = head(from); head != null; head = head(from)) {
        var path = head.split(" ", 3)[1].split("\\?", 2)[0];
        var behaviour = behaviours.get(path);
        if (behaviour != null) {
          seen.add(new Seen(head, new byte[0], List.of()));
          behaviour.on(head, connection, from);
          return;
        }
        seen.add(body(head, from));
        var answer = answers.get(path);
        if (answer == null) {
          throw new IOException("no answer was given for " + path);
        }
        connection.getOutputStream().write(answer);
        connection.getOutputStream().flush();
        if (closes(answer)) {
          return;
        }
      }
    } catch (IOException gone) {
      log.debug("a connection of the target ended: {}", gone.toString());
    } finally {
      open.decrementAndGet();
    }
  }

  private static boolean closes(byte[] answer) {
    return new String(answer, ISO_8859_1)
        .toLowerCase(Locale.ROOT)
        .split("\r\n\r\n", 2)[0]
        .contains("connection: close");
  }

  /// The next request's head, null when the connection has ended.
  static @Nullable String head(InputStream from) throws IOException {
    var head = new ByteArrayOutputStream();
    for (var line = line(from); !line.isEmpty(); line = line(from)) {
      head.writeBytes((line + "\r\n").getBytes(ISO_8859_1));
    }
    return head.size() == 0 ? null : head.toString(ISO_8859_1);
  }

  private static String line(InputStream from) throws IOException {
    var line = new ByteArrayOutputStream();
    for (int next = from.read(); next >= 0 && next != '\n'; next = from.read()) {
      line.write(next);
    }
    return line.toString(ISO_8859_1).stripTrailing();
  }

  private static Seen body(String head, InputStream from) throws IOException {
    var lower = head.toLowerCase(Locale.ROOT);
    var body = new ByteArrayOutputStream();
    var trailers = new ArrayList<String>();
    if (lower.contains("transfer-encoding: chunked")) {
      for (int size = size(line(from)); size > 0; size = size(line(from))) {
        body.writeBytes(from.readNBytes(size));
        line(from);
      }
      for (var trailer = line(from); !trailer.isEmpty(); trailer = line(from)) {
        trailers.add(trailer);
      }
    } else if (lower.contains("content-length: ")) {
      var length = lower.split("content-length: ", 2)[1].split("\r\n", 2)[0];
      body.writeBytes(from.readNBytes(Integer.parseInt(length.strip())));
    }
    return new Seen(head, body.toByteArray(), List.copyOf(trailers));
  }

  private static int size(String chunkLine) {
    return Integer.parseInt(chunkLine.split(";", 2)[0].strip(), 16);
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
