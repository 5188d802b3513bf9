package dev.buildplane.bench;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/// A light HTTP/1.1 client with keep-alive: one thread and one TLS connection per caller, nothing shared, so that the same
/// program can load any peer.
final class LoadClient {
  /// What one round of load gave.
  ///
  /// @param nanos latencies of all requests, sorted
  record Round(long[] nanos, double seconds) {
    double perSecond() {
      return nanos.length / seconds;
    }

    double quantileMillis(double quantile) {
      return nanos[(int) Math.min(nanos.length - 1, Math.ceil(quantile * nanos.length))] / 1e6;
    }
  }

  private final SSLContext tls;
  private final int port;

  LoadClient(TrustBundle server, Identity user, int port)
      throws GeneralSecurityException, IOException {
    this.tls = context(server, user);
    this.port = port;
  }

  /// Sends `request` again and again from `callers` threads for some time after a warm-up.
  Round run(byte[] request, int callers, double warmUpSeconds, double seconds) throws Exception {
    var begin = System.nanoTime() + (long) (warmUpSeconds * 1e9);
    var end = begin + (long) (seconds * 1e9);
    try (var threads = Executors.newFixedThreadPool(callers)) {
      Callable<long[]> caller = () -> call(request, begin, end);
      var all = java.util.stream.IntStream.range(0, callers)
          .mapToObj(_ -> threads.submit(caller))
          .toList();
      var merged = new long[0];
      for (Future<long[]> one : all) {
        var part = one.get();
        var joined = Arrays.copyOf(merged, merged.length + part.length);
        System.arraycopy(part, 0, joined, merged.length, part.length);
        merged = joined;
      }
      Arrays.sort(merged);
      return new Round(merged, seconds);
    }
  }

  /// Downloads once per stream, all at the same time; returns MiB/s over all of them.
  double download(byte[] request, int streams) throws Exception {
    try (var threads = Executors.newFixedThreadPool(streams)) {
      var begun = System.nanoTime();
      Callable<Long> one = () -> {
        try (var connection = new Connection()) {
          return connection.exchange(request);
        }
      };
      var all = java.util.stream.IntStream.range(0, streams)
          .mapToObj(_ -> threads.submit(one))
          .toList();
      var bytes = 0L;
      for (Future<Long> part : all) {
        bytes += part.get();
      }
      return bytes / 1048576.0 / ((System.nanoTime() - begun) / 1e9);
    }
  }

  static byte[] get(String path) {
    return ("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }

  static byte[] post(String path, String json) {
    var body = json.getBytes(StandardCharsets.UTF_8);
    var head = "POST " + path
        + " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: "
        + body.length + "\r\n\r\n";
    var all = Arrays.copyOf(head.getBytes(StandardCharsets.US_ASCII), head.length() + body.length);
    System.arraycopy(body, 0, all, head.length(), body.length);
    return all;
  }

  private long[] call(byte[] request, long begin, long end) throws IOException {
    var nanos = new long[1024];
    var count = 0;
    try (var connection = new Connection()) {
      for (var now = System.nanoTime(); now < end; ) {
        connection.exchange(request);
        var after = System.nanoTime();
        if (now >= begin) {
          if (count == nanos.length) {
            nanos = Arrays.copyOf(nanos, count * 2);
          }
          nanos[count++] = after - now;
        }
        now = after;
      }
    }
    return Arrays.copyOf(nanos, count);
  }

  private static SSLContext context(TrustBundle server, Identity user)
      throws GeneralSecurityException, IOException {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    for (var i = 0; i < server.certificates().size(); i++) {
      trusted.setCertificateEntry("ca" + i, server.certificates().get(i));
    }
    var trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    var own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry("own", user.key(), new char[0], user.chain().toArray(X509Certificate[]::new));
    var keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(own, new char[0]);
    var context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  /// One keep-alive connection.
  final class Connection implements AutoCloseable {
    private static final int BUFFER_BYTES = 64 * 1024;

    private final SSLSocket socket;
    private final InputStream in;
    private final OutputStream out;
    private final byte[] sink = new byte[BUFFER_BYTES];

    Connection() throws IOException {
      socket = (SSLSocket) tls.getSocketFactory().createSocket("127.0.0.1", port);
      socket.setTcpNoDelay(true);
      in = new BufferedInputStream(socket.getInputStream(), BUFFER_BYTES);
      out = new BufferedOutputStream(socket.getOutputStream(), BUFFER_BYTES);
    }

    /// Returns the bytes of the answer's body; throws when the status is not of the 200s.
    long exchange(byte[] request) throws IOException {
      out.write(request);
      out.flush();
      var status = line();
      var length = -1L;
      var chunked = false;
      for (var header = line(); !header.isEmpty(); header = line()) {
        var lower = header.toLowerCase(Locale.ROOT);
        if (lower.startsWith("content-length:")) {
          length = Long.parseLong(lower.substring(15).strip());
        }
        chunked |= lower.startsWith("transfer-encoding:") && lower.contains("chunked");
      }
      var bytes = chunked ? chunks() : skip(Math.max(0, length));
      if (!status.startsWith("HTTP/1.1 2")) {
        throw new IOException("expected 2xx, found " + status);
      }
      return bytes;
    }

    private long chunks() throws IOException {
      var total = 0L;
      for (var size = Long.parseLong(line(), 16); size > 0; size = Long.parseLong(line(), 16)) {
        total += skip(size);
        line();
      }
      line();
      return total;
    }

    private long skip(long bytes) throws IOException {
      for (var left = bytes; left > 0; ) {
        var read = in.read(sink, 0, (int) Math.min(sink.length, left));
        if (read < 0) {
          throw new IOException("cut after " + (bytes - left) + " of " + bytes + " bytes");
        }
        left -= read;
      }
      return bytes;
    }

    private String line() throws IOException {
      var text = new StringBuilder();
      for (var next = in.read(); next != '\n'; next = in.read()) {
        if (next < 0) {
          throw new IOException("connection closed by the peer");
        }
        if (next != '\r') {
          text.append((char) next);
        }
      }
      return text.toString();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
