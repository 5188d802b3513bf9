package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.HostileHttp2;
import dev.buildplane.testkit.RawHttp;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Invariant `no-route-without-policy`, held against `docs/reference/access.md`.
@ExtendWith(Chain.Given.class)
class AccessIT {
  private final Chain chain;

  AccessIT(Chain chain) {
    this.chain = chain;
  }

  /// Somebody who may nothing.
  ///
  /// @param authorization value of the header; empty sends none
  private record Stranger(String what, @Nullable Identity identity, String authorization) {}

  private List<Stranger> strangers() {
    return List.of(
        new Stranger("no certificate", null, ""),
        new Stranger(
            "certificate of a foreign CA",
            chain.foreign.issueClient("operator", List.of("system:masters"), TestHub.YEAR),
            ""),
        new Stranger("expired certificate", chain.expired(), ""),
        new Stranger(
            "server certificate of the internal CA",
            chain.hub.ca.issueServer("operator", List.of("localhost"), TestHub.YEAR),
            ""),
        new Stranger("garbage token", null, "Bearer garbage"),
        new Stranger("revoked token", null, "Bearer " + revokedToken()),
        new Stranger("password", null, "Basic b3BlcmF0b3I6c2VjcmV0"));
  }

  private String revokedToken() {
    var accounts = chain.hub.client.serviceAccounts().inNamespace("default");
    accounts
        .resource(new ServiceAccountBuilder()
            .withNewMetadata()
            .withName("gone")
            .endMetadata()
            .build())
        .create();
    var token = accounts
        .withName("gone")
        .tokenRequest(new TokenRequestBuilder().withNewSpec().endSpec().build())
        .getStatus()
        .getToken();
    accounts.withName("gone").delete();
    return token;
  }

  @Test
  void noRouteWithoutPolicy() throws IOException {
    var running = new TreeSet<String>();
    chain
        .routes()
        .forEach((listener, routes) -> routes.forEach(route -> running.add(
            line(listener, route.methods(), route.pattern(), route.policy().name()))));
    var written = AccessTable.rows().stream()
        .map(row -> line(row.listener(), row.methods(), row.path(), row.policy()))
        .toList();

    assertThat(written).containsExactlyInAnyOrderElementsOf(running).doesNotHaveDuplicates();
  }

  private static String line(String listener, Set<String> methods, String path, String policy) {
    return listener + " " + new TreeSet<>(methods) + " " + path + " " + policy;
  }

  @Test
  void strangersGet401OverHttp1() throws IOException {
    var wrong = new ArrayList<String>();
    for (var stranger : strangers()) {
      for (var listener : Set.of("agents", "callers", "health", "api-server")) {
        try (var connection = connect(listener, stranger.identity())) {
          for (var row : AccessTable.rows()) {
            if (row.listener().equals(listener)) {
              for (var method : row.tried()) {
                note(wrong, row, method, stranger, overHttp1(connection, row, method, stranger));
              }
            }
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  private RawHttp connect(String listener, @Nullable Identity identity) throws IOException {
    return listener.equals("health")
        ? RawHttp.plain(chain.port(listener))
        : RawHttp.tls(chain.port(listener), chain.tls(identity), "http/1.1");
  }

  private static int overHttp1(
      RawHttp connection, AccessTable.Row row, String method, Stranger stranger)
      throws IOException {
    var authorization = stranger.authorization().isEmpty()
        ? "X-Nothing: 1"
        : "Authorization: " + stranger.authorization();
    connection.send(Chain.request(method, row.example(), authorization, "Content-Length: 0"));
    return (method.equals("HEAD") ? connection.readHead() : connection.read()).status();
  }

  @Test
  void strangersGet401OverHttp2() throws Exception {
    var wrong = new ArrayList<String>();
    var rows = AccessTable.rows().stream()
        .filter(row -> !row.listener().equals("health"))
        .toList();
    for (var stranger : strangers()) {
      for (var listener : Set.of("agents", "callers", "api-server")) {
        try (var connection =
            HostileHttp2.connect(chain.port(listener), chain.tls(stranger.identity()))) {
          int stream = 1;
          for (var row : rows) {
            if (row.listener().equals(listener)) {
              for (var method : row.tried()) {
                note(
                    wrong,
                    row,
                    method,
                    stranger,
                    overHttp2(connection, stream, row, method, stranger));
                stream += 2;
              }
            }
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  private static int overHttp2(
      HostileHttp2 connection, int stream, AccessTable.Row row, String method, Stranger stranger)
      throws Exception {
    var more = stranger.authorization().isEmpty()
        ? new String[0]
        : new String[] {"authorization", stranger.authorization()};
    connection.request(stream, true, method, row.example(), more).flush();
    return connection.status(stream);
  }

  private static void note(
      List<String> wrong, AccessTable.Row row, String method, Stranger stranger, int status) {
    if (status != (row.isPublic() ? 200 : 401)) {
      wrong.add(row.listener() + " " + method + " " + row.example() + " with " + stranger.what()
          + ": " + status);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "agents GET /",
        "agents GET /ws/",
        "agents GET /api/v1/planes/status",
        "agents GET /api/proxy/buildplane/chain/_cluster/chain/k8s/version",
        "agents GET /metrics",
        "agents POST /ws",
        "callers GET /",
        "callers GET /ws?planeType=buildplane&planeID=chain",
        "callers GET /metrics",
        "callers GET /api/v1/planes",
        "callers GET /api/v1/planes/notify/",
        "callers DELETE /healthz",
        "health GET /api/v1/planes/status",
        "health GET /ws?planeType=buildplane&planeID=chain",
        "health POST /metrics"
      })
  void whatIsNotInTheTableIsNotThere(String request) throws IOException {
    var parts = request.split(" ");
    try (var connection = connect(parts[0], null)) {
      int status = connection.send(Chain.request(parts[1], parts[2])).read().status();
      assertThat(status).isIn(401, 404, 405);
      assertThat(status == 401).isEqualTo(parts[2].startsWith("/api/v1/planes/notify/"));
    }
  }
}
