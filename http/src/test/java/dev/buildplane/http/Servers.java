package dev.buildplane.http;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// What the tests of this module share: one CA, servers on loopback, clients that trust them.
final class Servers {
  static final Duration YEAR = Duration.ofDays(365);
  static final CertificateAuthority CA = CertificateAuthority.create("test CA", YEAR);
  static final Identity SERVER =
      CA.issueServer("localhost", List.of("localhost", "127.0.0.1"), YEAR);

  private Servers() {}

  static InetSocketAddress anyPort() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  static HttpServer tls(Route... routes) throws IOException {
    return HttpServer.start(
        HttpServerSettings.tls("test", anyPort(), TlsIdentity.of(SERVER)), router(routes));
  }

  static HttpServer plain(HttpLimits limits, Route... routes) throws IOException {
    return HttpServer.start(
        HttpServerSettings.plain("test", anyPort()).withLimits(limits), router(routes));
  }

  static Router router(Route... routes) {
    var router = Router.builder();
    for (var route : routes) {
      router.route(route);
    }
    return router.build();
  }

  static HttpClient client(HttpClient.Version version) throws Exception {
    return client(version, null);
  }

  static HttpClient client(HttpClient.Version version, @Nullable Identity identity)
      throws Exception {
    return HttpClient.newBuilder()
        .version(version)
        .sslContext(sslContext(identity))
        .build();
  }

  static SSLContext sslContext(@Nullable Identity identity) throws Exception {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", CA.certificate());
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    var own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    if (identity != null) {
      own.setKeyEntry(
          "own", identity.key(), new char[0], identity.chain().toArray(Certificate[]::new));
    }
    keys.init(own, new char[0]);
    var context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  static URI uri(HttpServer server, String path) {
    return URI.create("https://localhost:" + server.port() + path);
  }

  /// Sends raw bytes and reads until the server closes.
  static String exchange(HttpServer server, String request) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(30_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      return readAll(socket.getInputStream());
    }
  }

  static String readAll(InputStream in) throws IOException {
    var all = new ByteArrayOutputStream();
    in.transferTo(all);
    return all.toString(StandardCharsets.ISO_8859_1);
  }

  static Headers text() {
    return Headers.of("content-type", "text/plain");
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
