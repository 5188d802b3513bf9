package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneType;
import dev.buildplane.testkit.Kubectl;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The six kinds as users of the real `kubectl` meet them.
class PlaneKubectlIT {
  private static World world;
  private static Kubectl kubectl;

  @BeforeAll
  static void open(@TempDir Path folder) throws Exception {
    world = new World(folder);
    kubectl = world.kubectl();
    for (var kind : PlaneKind.values()) {
      apply(valid(kind, "table")).ok();
    }
  }

  @AfterAll
  static void close() throws Exception {
    world.close();
  }

  private static Kubectl.Result apply(String yaml) throws Exception {
    return kubectl.runWith(yaml, "apply", "-f", "-");
  }

  /// A plane that is valid, with a line for everything an invalid one changes.
  private static String valid(PlaneKind kind, String name) {
    var head = """
        apiVersion: openchoreo.dev/v1alpha1
        kind: %s
        metadata:
          name: %s
        spec:
          planeID: some-id
          clusterAgent:
            clientCA:
              secretRef:
                name: agent-ca
                namespace: default
                key: ca.crt
        """.formatted(kind.kind(), name);
    return head
        + switch (kind.type()) {
          case BUILD -> REFERENCES.formatted(kind.defaultObservabilityKind().kind());
          case DATA -> REFERENCES.formatted(kind.defaultObservabilityKind().kind()) + GATEWAY;
          case OBSERVABILITY -> "  observerURL: https://observer.example\n";
        };
  }

  private static final String REFERENCES = """
        secretStoreRef:
          name: vault
        observabilityPlaneRef:
          kind: %s
          name: main
      """;
  private static final String GATEWAY = """
        gateway:
          ingress:
            external:
              name: outer
              namespace: edge
              http:
                port: 8080
                host: apps.example
      """;

  record Fault(String what, String find, String replace, List<String> told) {}

  private static Fault fault(String what, String find, String replace, String... told) {
    return new Fault(what, find, replace, List.of(told));
  }

  private static final Fault NO_NAMESPACE = fault(
      "a secretRef without namespace",
      "        namespace: default\n",
      "",
      "spec.clusterAgent.clientCA.secretRef",
      "namespace is required on the cluster-scoped",
      "add the namespace");

  private static List<Fault> ofEveryKind() {
    return List.of(
        fault("an empty planeID", "some-id", "\"\"", "spec.planeID", "[a-z0-9]"),
        fault("a planeID in upper case", "some-id", "Upper", "spec.planeID", "[a-z0-9]"),
        fault("a planeID with a dot", "some-id", "a.b", "spec.planeID", "[a-z0-9]"),
        fault("a planeID ending in a hyphen", "some-id", "a-", "spec.planeID", "[a-z0-9]"),
        fault("a planeID too long", "some-id", "a".repeat(64), "spec.planeID", "63"),
        fault("no spec", "(?s)spec:.*", "", "spec", "Required"),
        fault(
            "no clusterAgent",
            "(?s)  clusterAgent:.*key: ca.crt\n",
            "",
            "spec.clusterAgent",
            "Required"),
        fault(
            "no clientCA",
            "(?s)clusterAgent:.*key: ca.crt\n",
            "clusterAgent: {}\n",
            "spec.clusterAgent.clientCA",
            "Required"),
        fault(
            "an empty clientCA",
            "(?s)clientCA:.*key: ca.crt\n",
            "clientCA: {}\n",
            "spec.clusterAgent.clientCA",
            "set secretRef (name, namespace and key",
            "or value"),
        fault(
            "an empty value",
            "(?s)clientCA:.*key: ca.crt\n",
            "clientCA: {value: \"\"}\n",
            "spec.clusterAgent.clientCA",
            "set secretRef"),
        fault(
            "value and secretRef",
            "clientCA:\n",
            "clientCA:\n      value: x\n",
            "spec.clusterAgent.clientCA",
            "set only one of secretRef and value"),
        fault(
            "a secretRef without name",
            "        name: agent-ca\n",
            "",
            "spec.clusterAgent.clientCA.secretRef.name",
            "Required"),
        fault(
            "a secretRef without key",
            "        key: ca.crt\n",
            "",
            "spec.clusterAgent.clientCA.secretRef.key",
            "Required"));
  }

  private static final List<Fault> OF_REFERENCES = List.of(
      fault(
          "a secretStoreRef without name",
          "name: vault",
          "other: vault",
          "spec.secretStoreRef",
          "name"),
      fault(
          "an observability plane without name",
          "    name: main\n",
          "",
          "spec.observabilityPlaneRef.name",
          "Required"),
      fault(
          "an observability plane with an impossible name",
          "name: main",
          "name: Main",
          "spec.observabilityPlaneRef.name",
          "[a-z0-9]"),
      fault(
          "an observability plane of another kind",
          "    kind: [A-Za-z]*ObservabilityPlane\n",
          "    kind: DataPlane\n",
          "spec.observabilityPlaneRef.kind",
          "ObservabilityPlane"));

  private static final Fault NAMESPACED_OBSERVABILITY = fault(
      "a namespaced observability plane",
      "kind: ClusterObservabilityPlane",
      "kind: ObservabilityPlane",
      "spec.observabilityPlaneRef.kind",
      "supported values: \"ClusterObservabilityPlane\"");

  private static final List<Fault> OF_DATA = List.of(
      fault("port 0", "port: 8080", "port: 0", "port", "1"),
      fault("port 65536", "port: 8080", "port: 65536", "port", "65535"),
      fault("no host", "          host: apps.example\n", "", "host", "Required"));

  static Stream<Arguments> invalidPlanes() {
    return Arrays.stream(PlaneKind.values())
        .flatMap(kind -> faults(kind)
            .map(fault -> Arguments.argumentSet(kind.kind() + ", " + fault.what(), kind, fault)));
  }

  private static Stream<Fault> faults(PlaneKind kind) {
    var faults = Stream.concat(
        ofEveryKind().stream(), kind.clusterScoped() ? Stream.of(NO_NAMESPACE) : Stream.empty());
    if (kind.type().hasReferences()) {
      faults = Stream.concat(faults, OF_REFERENCES.stream());
      faults = Stream.concat(
          faults, kind.clusterScoped() ? Stream.of(NAMESPACED_OBSERVABILITY) : Stream.empty());
    }
    return switch (kind.type()) {
      case BUILD -> faults;
      case DATA -> Stream.concat(faults, OF_DATA.stream());
      case OBSERVABILITY ->
        Stream.concat(
            faults,
            Stream.of(
                fault("no observerURL", "  observerURL.*\n", "", "spec.observerURL", "Required")));
    };
  }

  @ParameterizedTest
  @MethodSource("invalidPlanes")
  void anInvalidPlaneIsRefusedWithFieldRuleAndRemedy(PlaneKind kind, Fault fault) throws Exception {
    var yaml = valid(kind, "invalid").replaceFirst(fault.find(), fault.replace());
    assertThat(yaml).isNotEqualTo(valid(kind, "invalid"));
    // Without kubectl's own check, so that it is the API that refuses.
    var refused = kubectl.runWith(yaml, "apply", "--validate=false", "-f", "-");
    assertThat(refused.exitCode()).as(refused.out()).isNotZero();
    assertThat(refused.out()).contains(fault.told());
  }

  @ParameterizedTest
  @EnumSource
  void whatIsOptionalMayBeLeftOutAndIsDefaulted(PlaneKind kind) throws Exception {
    var yaml = valid(kind, "least")
        .replace("  planeID: some-id\n", "")
        .replaceFirst("    kind: [A-Za-z]*ObservabilityPlane\n", "");
    apply(yaml).ok();
    var stored = kubectl.run("get", kind.plural(), "least", "-o", "yaml").ok();
    assertThat(stored).doesNotContain("planeID: some-id");
    if (kind.type().hasReferences()) {
      assertThat(stored).contains("kind: " + kind.defaultObservabilityKind().kind());
    }
    kubectl.run("delete", kind.plural(), "least", "--wait=false").ok();
  }

  @ParameterizedTest
  @EnumSource
  void explainTellsEveryField(PlaneKind kind) throws Exception {
    assertThat(explained(kind, "")).contains("KIND:", kind.kind(), "cluster agent");
    assertThat(explained(kind, ".spec"))
        .contains("planeID", "Defaults to the name of the resource", "clusterAgent", "-required-");
    assertThat(explained(kind, ".spec.clusterAgent.clientCA"))
        .contains("exactly one of secretRef and value", "PEM, or base64 of PEM");
    assertThat(explained(kind, ".status"))
        .contains("agentConnection", "CertificatesCurrent", "observedGeneration");
  }

  /// The text without the line breaks kubectl puts into it.
  private static String explained(PlaneKind kind, String path) throws Exception {
    return kubectl.run("explain", kind.plural() + path).ok().replaceAll("\\s+", " ");
  }

  @ParameterizedTest
  @EnumSource
  void theTableAnswersToEveryNameAndShowsItsColumns(PlaneKind kind) throws Exception {
    for (var name : Stream.concat(
            Stream.of(kind.plural(), kind.singular()), kind.shortNames().stream())
        .toList()) {
      assertThat(header(kubectl.run("get", name).ok()))
          .containsExactly("NAME", "PLANE ID", "READY", "AGENTS", "AGE");
    }
    var wide = kind.type().hasReferences()
        ? List.of(
            "NAME", "PLANE ID", "READY", "AGENTS", "AGE", "REASON", "OBSERVABILITY", "SECRET STORE")
        : List.of("NAME", "PLANE ID", "READY", "AGENTS", "AGE", "REASON");
    assertThat(header(kubectl.run("get", kind.plural(), "-o", "wide").ok()))
        .containsExactlyElementsOf(wide);
  }

  private static List<String> header(String table) {
    return List.of(table.lines().findFirst().orElseThrow().strip().split("\\s{2,}"));
  }

  @Test
  void oneCategoryListsAllSixKinds() throws Exception {
    var listed = kubectl.run("get", "planes", "-A", "-o", "name").ok();
    assertThat(listed.lines())
        .containsAll(Arrays.stream(PlaneKind.values())
            .map(kind -> kind.singular() + ".openchoreo.dev/table")
            .toList());
    assertThat(PlaneType.values()).hasSize(3);
  }
}
