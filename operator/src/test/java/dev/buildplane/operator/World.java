package dev.buildplane.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.model.Crds;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import dev.buildplane.testkit.Kubectl;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/// Two embedded API servers, a gateway between them and an operator, all over real sockets and TLS.
final class World implements AutoCloseable {
  static final String ARGO = """
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: workflows.argoproj.io}
      spec:
        group: argoproj.io
        names: {kind: Workflow, listKind: WorkflowList, plural: workflows, singular: workflow}
        scope: Namespaced
        versions:
          - name: v1alpha1
            served: true
            storage: true
            schema:
              openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
      """;

  private static final Duration YEAR = Duration.ofDays(365);
  private static final ObjectMapper JSON = new ObjectMapper();

  final CertificateAuthority ca = CertificateAuthority.create("world", YEAR);
  final Identity admin = ca.issueClient("operator", List.of("system:masters"), YEAR);
  final Metrics metrics = new Metrics();

  /// How far the operator's clock is ahead of the system's.
  volatile Duration clockAhead = Duration.ZERO;

  final KubernetesClient hub;
  final KubernetesClient plane;
  FakeGateway gateway;
  BuildplaneOperator operator;
  private final Identity server = ca.issueServer("server", List.of("127.0.0.1", "localhost"), YEAR);
  private final URI hubUri;
  private final URI planeUri;
  private final Path folder;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  World(Path folder) throws IOException {
    this.folder = folder;
    hubUri = apiServer("hub", folder);
    hub = PlaneClients.direct(hubUri, admin, ca.trust());
    planeUri = apiServer("plane", folder);
    plane = PlaneClients.direct(planeUri, admin, ca.trust());
    open.push(hub);
    open.push(plane);
    Crds.all().forEach(yaml -> apply(hub, yaml));
    apply(plane, ARGO);
    startGateway(0);
    startOperator();
  }

  private URI apiServer(String name, Path folder) throws IOException {
    var store = ObjectStore.open(StoreSettings.at(folder.resolve(name + ".db")));
    open.push(store);
    var bind = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    var api =
        ApiServer.start(ApiServerSettings.of(name, bind, server, ca.trust()), store, PodLogs.NONE);
    open.push(api);
    return URI.create("https://127.0.0.1:" + api.port());
  }

  void startGateway(int port) throws IOException {
    gateway = FakeGateway.start(planeUri, Tls.context(admin, ca.trust()), server, port);
  }

  void startOperator() {
    startOperator(settings());
  }

  void startOperator(OperatorSettings settings) {
    operator = BuildplaneOperator.start(settings, hub);
  }

  OperatorSettings settings() {
    return OperatorSettings.of(gateway.uri(), admin, ca.trust())
        .withMetrics(metrics)
        .withClock(() -> Instant.now().plus(clockAhead));
  }

  /// Another replica of the gateway.
  FakeGateway anotherGateway() throws IOException {
    return FakeGateway.start(planeUri, Tls.context(admin, ca.trust()), server, 0);
  }

  /// The real `kubectl` against the control plane.
  Kubectl kubectl() throws IOException {
    return Kubectl.against(folder, hubUri.getPort(), ca.certificatePem(), admin);
  }

  static void apply(KubernetesClient client, String yaml) {
    client
        .load(new java.io.ByteArrayInputStream(
            yaml.getBytes(java.nio.charset.StandardCharsets.UTF_8)))
        .serverSideApply();
  }

  void hub(String yaml) {
    apply(hub, yaml);
  }

  /// A secret with a client CA in namespace `default`.
  void agentCa(String name) {
    var pem = ca.certificatePem().indent(4);
    hub("apiVersion: v1\nkind: Secret\nmetadata: {name: " + name
        + ", namespace: default}\nstringData:\n  ca.crt: |\n" + pem);
  }

  /// A ClusterBuildPlane whose CA is the Secret of the same name.
  void clusterBuildPlane(String name, String extra) {
    hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: %s}
        spec:
          planeID: %s-id
          clusterAgent:
            clientCA:
              secretRef: {name: %s, namespace: default, key: ca.crt}
        """.formatted(name, name, name) + extra.indent(2));
  }

  /// `True Ready` and so on, `absent` when there is none.
  static String brief(Optional<dev.buildplane.model.Condition> condition) {
    return condition.map(found -> found.status().text() + " " + found.reason()).orElse("absent");
  }

  JsonNode argo(String namespace, String name) {
    return JSON.valueToTree(plane
        .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
        .inNamespace(namespace)
        .withName(name)
        .get());
  }

  /// The engine writes a status.
  void engine(String namespace, String name, String statusJson) {
    plane
        .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
        .inNamespace(namespace)
        .withName(name)
        .patch(
            new io.fabric8.kubernetes.client.dsl.base.PatchContext.Builder()
                .withPatchType(io.fabric8.kubernetes.client.dsl.base.PatchType.JSON_MERGE)
                .build(),
            "{\"status\":" + statusJson + "}");
  }

  List<GenericKubernetesResource> argoWorkflows() {
    return plane
        .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
        .inAnyNamespace()
        .list()
        .getItems();
  }

  @Override
  public void close() throws Exception {
    operator.close();
    gateway.close();
    while (!open.isEmpty()) {
      open.pop().close();
    }
  }
}
