package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.BuildPlane;
import dev.buildplane.model.ClientCA;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.RawHttp;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Tenants ask for what is another's. Who may what is said by RBAC objects in the hub's API server and asked of it by
/// SubjectAccessReview, as in production.
@ExtendWith(Chain.Given.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TenantsIT {
  /// One thing to ask for.
  ///
  /// @param owner the only tenant who may; empty: none
  private record Wanted(
      String planeID, String namespace, String name, String owner, boolean exists) {
    String path() {
      return "/api/proxy/buildplane/" + planeID + "/" + namespace + "/" + name + "/k8s/hello";
    }
  }

  private static final List<Wanted> WANTED = List.of(
      new Wanted("tenant-a-id", "_cluster", "tenant-a", "a", true),
      new Wanted("tenant-b-id", "_cluster", "tenant-b", "b", true),
      new Wanted("space-a-id", "space-a", "own", "a", true),
      new Wanted("space-b-id", "space-b", "own", "b", true),
      new Wanted("missing-id", "_cluster", "missing", "", false),
      new Wanted("space-b-id", "space-b", "missing", "b", false),
      new Wanted("missing-id", "no-space", "own", "", false));

  private final Chain chain;
  private final List<TestAgent> agents = new ArrayList<>();
  private final Map<String, Identity> tenants = new LinkedHashMap<>();

  TenantsIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeAll
  void populate() {
    for (var tenant : List.of("a", "b")) {
      chain.hub.plane("tenant-" + tenant, "tenant-" + tenant + "-id", trusted());
      namespaced("space-" + tenant, "own", "space-" + tenant + "-id");
      mayProxyTo(tenant);
      tenants.put(
          tenant, chain.hub.ca.issueClient("tenant-" + tenant, List.of("tenants"), TestHub.YEAR));
      agents.add(chain.hub.agent("tenant-" + tenant + "-id"));
      agents.add(chain.hub.agent("space-" + tenant + "-id"));
    }
    tenants.put("nobody", chain.hub.ca.issueClient("nobody", List.of("tenants"), TestHub.YEAR));
    chain.hub.client.resource(secret("space-b", "treasure")).create();
  }

  private static io.fabric8.kubernetes.api.model.Secret secret(String namespace, String name) {
    return new SecretBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(namespace)
        .endMetadata()
        .withStringData(Map.of("gold", "42"))
        .build();
  }

  private ClientCA trusted() {
    return ClientCA.ofValue(chain.hub.agents.certificatePem());
  }

  private void namespaced(String namespace, String name, String planeID) {
    chain
        .hub
        .client
        .resource(new NamespaceBuilder()
            .withNewMetadata()
            .withName(namespace)
            .endMetadata()
            .build())
        .create();
    var plane = new BuildPlane();
    plane.setMetadata(
        new ObjectMetaBuilder().withName(name).withNamespace(namespace).build());
    plane.setSpec(PlaneSpec.of(planeID, trusted()));
    chain.hub.client.resource(plane).create();
  }

  /// Its own cluster plane by name, every build plane of its own namespace, and nothing else.
  private void mayProxyTo(String tenant) {
    var user = "tenant-" + tenant;
    chain
        .hub
        .client
        .resource(new ClusterRoleBuilder()
            .withNewMetadata()
            .withName(user)
            .endMetadata()
            .addNewRule()
            .withApiGroups("openchoreo.dev")
            .withResources("clusterbuildplanes/proxy")
            .withResourceNames(user)
            .withVerbs("get", "create")
            .endRule()
            .build())
        .create();
    chain
        .hub
        .client
        .resource(new ClusterRoleBindingBuilder()
            .withNewMetadata()
            .withName(user)
            .endMetadata()
            .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", user)
            .addNewSubject("rbac.authorization.k8s.io", "User", user, null)
            .build())
        .create();
    chain
        .hub
        .client
        .resource(new RoleBuilder()
            .withNewMetadata()
            .withName(user)
            .withNamespace("space-" + tenant)
            .endMetadata()
            .addNewRule()
            .withApiGroups("openchoreo.dev")
            .withResources("buildplanes/proxy")
            .withVerbs("get", "create")
            .endRule()
            .build())
        .create();
    chain
        .hub
        .client
        .resource(new RoleBindingBuilder()
            .withNewMetadata()
            .withName(user)
            .withNamespace("space-" + tenant)
            .endMetadata()
            .withNewRoleRef("rbac.authorization.k8s.io", "Role", user)
            .addNewSubject("rbac.authorization.k8s.io", "User", user, null)
            .build())
        .create();
  }

  @AfterAll
  void leave() {
    agents.forEach(TestAgent::close);
  }

  private RawHttp.Answer ask(String tenant, String request) throws IOException {
    try (var caller = chain.callers(tenants.get(tenant))) {
      return caller.send(request).read();
    }
  }

  @Test
  void everyTenantReachesItsOwnAndNothingElse() throws IOException {
    var wrong = new ArrayList<String>();
    for (var tenant : tenants.keySet()) {
      for (var wanted : WANTED) {
        for (var method : List.of("GET", "POST", "DELETE")) {
          boolean may = wanted.owner().equals(tenant) && !method.equals("DELETE");
          int status = ask(tenant, Chain.request(method, wanted.path(), "Content-Length: 0"))
              .status();
          if (status != (may ? wanted.exists() ? 200 : 404 : 403)) {
            wrong.add(tenant + " " + method + " " + wanted.path() + ": " + status);
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void aRefusalDoesNotTellWhetherTheThingExists() throws IOException {
    var existing = ask("a", Chain.get(path("tenant-b-id", "_cluster", "tenant-b")));
    var missing = ask("a", Chain.get(path("tenant-c-id", "_cluster", "tenant-c")));
    var wrongID = ask("a", Chain.get(path("tenant-c-id", "_cluster", "tenant-b")));
    var noAgents = ask("a", Chain.get(path("tenant-d-id", "space-b", "tenant-b")));

    assertThat(List.of(existing, missing, wrongID, noAgents))
        .allMatch(answer -> answer.status() == 403);
    assertThat(missing.body().replace("tenant-c", "tenant-b")).isEqualTo(existing.body());
    assertThat(wrongID.body()).isEqualTo(existing.body());
    assertThat(headerNames(missing)).isEqualTo(headerNames(existing));
  }

  private static String path(String planeID, String namespace, String name) {
    return "/api/proxy/buildplane/" + planeID + "/" + namespace + "/" + name + "/k8s/hello";
  }

  private static List<String> headerNames(RawHttp.Answer answer) {
    return answer.head().lines().skip(1).map(line -> line.split(":", 2)[0]).toList();
  }

  static Stream<String> disguises() {
    var own = "/api/proxy/buildplane/tenant-a-id/_cluster/tenant-a/k8s";
    var theirs = "buildplane/tenant-b-id/_cluster/tenant-b/k8s/hello";
    var climbs = Stream.of("..", "%2e%2e", "%2E%2e", ".%2E", "x/../..", "%2e%2e%2f..", "..%2f")
        .map(up -> own + ("/" + up).repeat(5) + "/" + theirs);
    var slashes = Stream.of("%2f", "%2F", "%5c", "\\", "//", "/./", "%00/", ";/", "%252f", "/%2e/")
        .flatMap(slash -> Stream.of(
            "/api/proxy/buildplane/tenant-b-id/_cluster" + slash + "tenant-b/k8s/hello",
            "/api/proxy/buildplane/tenant-a-id/_cluster/tenant-a" + slash + "../tenant-b/k8s/hello",
            "/api/proxy/" + slash + theirs));
    var names = Stream.of(
            "%74enant-b",
            "TENANT-B",
            "tenant-B",
            "tenant-b%20",
            "tenant-b%00",
            "tenant-b;x=tenant-a",
            "tenant-b.",
            "tenant-a,tenant-b",
            "tenant-a%0d%0atenant-b",
            "tenant-b?x=tenant-a",
            "*",
            "-tenant-b")
        .map(name -> "/api/proxy/buildplane/tenant-b-id/_cluster/" + name + "/k8s/hello");
    var mixtures = Stream.of(
        "/api/proxy/buildplane/tenant-b-id/_cluster/tenant-a/k8s/hello",
        "/api/proxy/buildplane/tenant-a-id/_cluster/tenant-b/k8s/hello",
        "/api/proxy/buildplane/tenant-a-id/space-b/own/k8s/hello",
        "/api/proxy/buildplane/space-b-id/space-a/own/k8s/hello",
        "/api/proxy/dataplane/tenant-b-id/_cluster/tenant-b/k8s/hello",
        "/api/proxy/BUILDPLANE/tenant-b-id/_cluster/tenant-b/k8s/hello",
        "/api/proxy/clusterbuildplane/tenant-b-id/_cluster/tenant-b/k8s/hello",
        "/api/proxy/buildplane/tenant-b-id/_CLUSTER/tenant-b/k8s/hello",
        "/api/proxy/buildplane/tenant-b-id//tenant-b/k8s/hello",
        "/API/PROXY/" + theirs,
        "/api%2fproxy/" + theirs,
        "/%61pi/proxy/" + theirs,
        "//api/proxy/" + theirs,
        "/api/v1/planes/../../proxy/" + theirs,
        "/api/v1/planes/status",
        "/api/v1/planes/watch",
        "/api/v1/planes/buildplane/tenant-b-id/status",
        "/api/v1/planes/buildplane/tenant-b-id/status?name=tenant-b",
        "https://localhost/api/proxy/" + theirs,
        "http://tenant-b/api/proxy/" + theirs,
        "https://localhost@x/api/proxy/../proxy/" + theirs);
    return Stream.of(climbs, slashes, names, mixtures).flatMap(paths -> paths);
  }

  @ParameterizedTest
  @MethodSource("disguises")
  void anothersPlaneIsOutOfReachInEveryDisguise(String path) throws IOException {
    agents.forEach(agent -> agent.requests.clear());
    var answer = ask("a", Chain.get(path, "Connection: close"));

    assertThat(answer.status()).isIn(400, 403, 404);
    assertThat(agents).allMatch(agent -> agent.requests.isEmpty());
  }

  @Test
  void reconnectAndNotifyAreNotForTenants() throws IOException {
    for (var path : List.of(
        "/api/v1/planes/notify",
        "/api/v1/planes/buildplane/tenant-b-id/reconnect",
        "/api/v1/planes/buildplane/tenant-a-id/reconnect",
        "/api/v1/planes/buildplane/missing-id/reconnect")) {
      assertThat(ask("a", Chain.request("POST", path, "Content-Length: 0")).status())
          .isEqualTo(403);
    }
    assertThat(agents).noneMatch(TestAgent::isGone);
  }

  @Test
  void rightsWithdrawnAreGoneWithinTheLifetimeOfADecision() throws IOException {
    var own = Chain.get(path("tenant-a-id", "_cluster", "tenant-a"));
    assertThat(ask("a", own).status()).isEqualTo(200);
    var binding = chain.hub.client.rbac().clusterRoleBindings().withName("tenant-a");
    var before = binding.get();
    binding.delete();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> ask("a", own).status() == 403);
    before.getMetadata().setResourceVersion(null);
    before.getMetadata().setUid(null);
    chain.hub.client.resource(before).create();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> ask("a", own).status() == 200);
  }

  static Stream<String> hubPaths() {
    return Stream.of(
        "/api/v1/namespaces/space-b/secrets",
        "/api/v1/namespaces/space-b/secrets/treasure",
        "/api/v1/namespaces/space-b/secrets/nothing",
        "/api/v1/namespaces/no-space/secrets/nothing",
        "/api/v1/secrets",
        "/api/v1/namespaces/space-b%2Fsecrets%2Ftreasure",
        "/api/v1/namespaces/space-a/../space-b/secrets/treasure",
        "/api/v1/namespaces/space-a/%2e%2e/space-b/secrets/treasure",
        "/api/v1//namespaces//space-b//secrets//treasure",
        "/api/v1/namespaces/space-b/secrets/treasure;x",
        "/api/v1/namespaces/space-b/%73ecrets/%74reasure",
        "/api/v1/namespaces/SPACE-B/secrets/treasure",
        "/apis/openchoreo.dev/v1alpha1/namespaces/space-b/buildplanes/own",
        "/apis/openchoreo.dev/v1alpha1/clusterbuildplanes/tenant-b",
        "/apis/openchoreo.dev/v1alpha1/clusterbuildplanes/tenant-b/status",
        "/apis/openchoreo.dev/v1alpha1/clusterbuildplanes/nothing");
  }

  @ParameterizedTest
  @MethodSource("hubPaths")
  void theHubShowsATenantNothing(String path) throws IOException {
    for (var method : List.of("GET", "DELETE")) {
      try (var caller =
          RawHttp.tls(chain.hub.server.port(), chain.tls(tenants.get("a")), "http/1.1")) {
        var answer = caller
            .send(Chain.request(method, path, "Content-Length: 0", "Connection: close"))
            .read();
        assertThat(answer.status()).as(method).isIn(400, 403, 404);
        assertThat(answer.status() == 403 || !path.matches("[-/a-z0-9.]+") || path.contains(".."))
            .as("%s is refused whether or not it exists, found %d", method, answer.status())
            .isTrue();
        assertThat(answer.body()).doesNotContain("gold").doesNotContain("NDI=");
      }
    }
  }
}
