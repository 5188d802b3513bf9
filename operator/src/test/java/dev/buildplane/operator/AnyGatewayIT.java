package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AnyGatewayIT {
  private static final Duration DAY = Duration.ofDays(1);
  private static final URI ANYWHERE = URI.create("https://gateway.example:1/api/x%2Fy?a=%20b");

  private final CertificateAuthority ca = CertificateAuthority.create("test", DAY);
  private final Identity operator = ca.issueClient("operator", List.of(), DAY);
  private final AtomicInteger calls = new AtomicInteger();

  private HttpServer server(String name, String... names) throws IOException {
    var router = Router.builder()
        .route(Route.any("/**", Policy.PUBLIC, exchange -> {
          calls.incrementAndGet();
          var text = name + " " + exchange.rawPath() + "?" + exchange.rawQuery();
          exchange.respond(200, Headers.EMPTY, text.getBytes(StandardCharsets.UTF_8));
        }))
        .build();
    return HttpServer.start(
        HttpServerSettings.tls(
            name,
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            TlsIdentity.of(ca.issueServer(name, List.of(names), DAY))),
        router);
  }

  private HttpClient client(Optional<String> name, List<URI> replicas) {
    return new AnyGateway.Builder(() -> replicas)
        .sslContext(Tls.context(operator, ca.trust(), name))
        .build();
  }

  private static URI url(int port) {
    return URI.create("https://127.0.0.1:" + port);
  }

  private static int closedPort() throws IOException {
    try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    }
  }

  private static String get(HttpClient client) throws Exception {
    return client
        .send(HttpRequest.newBuilder(ANYWHERE).build(), BodyHandlers.ofString())
        .body();
  }

  @Test
  void aReplicaThatTakesNoConnectionIsPassedOver() throws Exception {
    try (var up = server("up", "127.0.0.1");
        var client = client(Optional.empty(), List.of(url(closedPort()), url(up.port())))) {
      assertThat(get(client)).isEqualTo("up /api/x%2Fy?a=%20b");
      assertThat(get(client)).isEqualTo("up /api/x%2Fy?a=%20b");
    }
  }

  @Test
  void withoutAnyReplicaTheRequestFails() throws Exception {
    try (var client = client(Optional.empty(), List.of(url(closedPort()), url(closedPort())))) {
      assertThatThrownBy(() -> get(client)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void theReplicaUsedLastIsUsedAgain() throws Exception {
    try (var first = server("first", "127.0.0.1");
        var second = server("second", "127.0.0.1");
        var client = client(Optional.empty(), List.of(url(first.port()), url(second.port())))) {
      assertThat(get(client)).startsWith("first");
      first.close();
      assertThat(calls).hasValue(1);

      // The kept connection ended orderly: whether this request still meets it or not, the next ones go on elsewhere.
      org.awaitility.Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> get(client).startsWith("second"));
      assertThat(get(client)).startsWith("second");
    }
  }

  @Test
  void aCertificateMustBearTheNameOfTheServiceWhateverTheAddress() throws Exception {
    try (var pod = server("pod", "gateway.internal.example");
        var stranger = server("stranger", "other.example")) {
      try (var client = client(Optional.of("Gateway.internal.example"), List.of(url(pod.port())))) {
        assertThat(get(client)).startsWith("pod");
      }
      try (var client =
          client(Optional.of("gateway.internal.example"), List.of(url(stranger.port())))) {
        assertThatThrownBy(() -> get(client)).hasMessageContaining("expected the name");
      }
      try (var client = client(Optional.empty(), List.of(url(pod.port())))) {
        assertThatThrownBy(() -> get(client)).isInstanceOf(IOException.class);
      }
    }
    var foreign = CertificateAuthority.create("foreign", DAY);
    try (var impostor = HttpServer.start(
            HttpServerSettings.tls(
                "impostor",
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                TlsIdentity.of(foreign.issueServer("x", List.of("gateway.internal.example"), DAY))),
            Router.builder().build());
        var client =
            client(Optional.of("gateway.internal.example"), List.of(url(impostor.port())))) {
      assertThatThrownBy(() -> get(client)).isInstanceOf(IOException.class);
    }
  }
}
