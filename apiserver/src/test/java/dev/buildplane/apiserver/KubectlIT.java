package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.Kubectl;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// The real `kubectl` is the judge: what it can do with a Kubernetes API server it can do here.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class KubectlIT {
  private static final String WIDGET = """
      apiVersion: example.dev/v1
      kind: Widget
      metadata: {name: %s, labels: {app: x}}
      spec: {color: red, name: abc}
      """;

  private Served served;
  private Kubectl kubectl;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    served = new Served(folder, (_, _, container, _) -> Optional.of(new Lines(container)));
    kubectl = served.kubectl(served.admin);
    try (var definition = KubectlIT.class.getResourceAsStream("/widgets.yaml")) {
      kubectl
          .runWith(new String(definition.readAllBytes(), UTF_8), "apply", "-f", "-")
          .ok();
    }
    kubectl
        .run("wait", "--for=condition=Established", "crd/widgets.example.dev", "--timeout=30s")
        .ok();
  }

  @AfterAll
  void stop() {
    served.close();
  }

  private static final class Lines implements LogReader {
    private final Iterator<String> texts;

    Lines(String container) {
      texts = List.of("one " + container, "two", "three").iterator();
    }

    @Override
    public @Nullable LogLine next() {
      return texts.hasNext() ? new LogLine(Instant.now(), texts.next()) : null;
    }

    @Override
    public void close() {}
  }

  private String apply(String name) throws IOException, InterruptedException {
    return kubectl.runWith(WIDGET.formatted(name), "apply", "-f", "-").ok();
  }

  @Test
  void appliesGetsPatchesWaitsAndDeletes() throws Exception {
    assertThat(apply("w1")).contains("widget.example.dev/w1 created");
    assertThat(apply("w1")).contains("unchanged");
    kubectl
        .run("patch", "wd", "w1", "--type=merge", "-p", "{\"spec\":{\"size\":9}}")
        .ok();
    kubectl
        .run(
            "patch",
            "wd",
            "w1",
            "--subresource=status",
            "--type=merge",
            "-p",
            "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}")
        .ok();
    kubectl.run("wait", "--for=condition=Ready", "wd/w1", "--timeout=30s").ok();
    assertThat(kubectl.run("get", "wd", "w1", "-o", "wide").ok())
        .containsPattern("NAME\\s+COLOR\\s+READY\\s+SIZE\\s+AGE")
        .containsPattern("w1\\s+red\\s+True\\s+9");
    assertThat(kubectl
            .run("get", "wd", "w1", "-o", "jsonpath={.metadata.generation}")
            .ok())
        .isEqualTo("2");
    assertThat(kubectl.run("describe", "wd", "w1").ok()).contains("Color:  red");
    assertThat(kubectl.run("delete", "wd", "w1").ok()).contains("deleted");
    assertThat(kubectl.run("get", "wd", "w1").out())
        .contains("widgets.example.dev \"w1\" not found");
  }

  @Test
  void serverSideApplyReportsWhoOwnsAField() throws Exception {
    kubectl.runWith(WIDGET.formatted("w2"), "apply", "--server-side", "-f", "-").ok();
    var changed = WIDGET.formatted("w2").replace("red", "blue");
    var refused =
        kubectl.runWith(changed, "apply", "--server-side", "--field-manager=other", "-f", "-");
    assertThat(refused.exitCode()).isNotZero();
    assertThat(refused.out()).contains("conflict with \"kubectl\": .spec.color");
    kubectl
        .runWith(
            changed,
            "apply",
            "--server-side",
            "--field-manager=other",
            "--force-conflicts",
            "-f",
            "-")
        .ok();
    assertThat(kubectl.run("get", "wd", "w2", "-o", "jsonpath={.spec.color}").ok())
        .isEqualTo("blue");
  }

  @Test
  void schemaAndRulesRefuseByFieldAndReason() throws Exception {
    apply("w3");
    assertThat(kubectl
            .runWith(WIDGET.formatted("w3").replace("abc", "abd"), "apply", "-f", "-")
            .out())
        .contains("spec.name: Invalid value: \"abd\": name is immutable");
    assertThat(kubectl
            .runWith(WIDGET.formatted("w4").replace("red", "green"), "apply", "-f", "-")
            .out())
        .contains("spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"");
    assertThat(kubectl
            .runWith(
                WIDGET.formatted("w4").replace("color: red", "color: red, size: 200, foo: 1"),
                "create",
                "-f",
                "-")
            .out())
        .contains("unknown field \"spec.foo\"");
    assertThat(kubectl
            .runWith(
                WIDGET.formatted("w4").replace("color: red", "color: blue, size: 200"),
                "create",
                "-f",
                "-")
            .out())
        .contains("only red ones are large");
  }

  @Test
  void discoversAndExplains() throws Exception {
    assertThat(kubectl.run("api-resources").ok())
        .containsPattern("widgets\\s+wd\\s+example.dev/v1\\s+true\\s+Widget")
        .contains("secrets");
    assertThat(kubectl.run("explain", "wd.spec.color").ok()).contains("Its color.");
    assertThat(kubectl.run("explain", "secret").ok()).contains("stringData");
    assertThat(kubectl.run("version").ok()).contains("Server Version");
  }

  @Test
  void createsBuiltInObjects() throws Exception {
    kubectl.run("create", "ns", "n1").ok();
    kubectl
        .run("create", "secret", "generic", "s1", "-n", "n1", "--from-literal=a=b")
        .ok();
    assertThat(kubectl
            .run("get", "secret", "s1", "-n", "n1", "-o", "jsonpath={.data.a}")
            .ok())
        .isEqualTo("Yg==");
    assertThat(kubectl.run("create", "secret", "generic", "s1", "-n", "n1").out())
        .contains("secrets \"s1\" already exists");
    kubectl.run("create", "configmap", "c1", "-n", "n1", "--from-literal=a=b").ok();
    assertThat(kubectl.run("get", "cm,secret", "-n", "n1").ok())
        .contains("configmap/c1")
        .contains("secret/s1");
    kubectl.run("delete", "ns", "n1", "--timeout=30s").ok();
    assertThat(kubectl.run("get", "cm", "-n", "n1").out()).contains("No resources found");
    assertThat(kubectl.run("create", "configmap", "c1", "-n", "n1").out())
        .contains("namespaces \"n1\" not found");
  }

  @Test
  void showsLogs() throws Exception {
    kubectl.run("run", "p1", "--image=none").ok();
    assertThat(kubectl.run("logs", "p1", "-f").ok()).isEqualTo("one p1\ntwo\nthree\n");
    assertThat(kubectl.run("logs", "p1", "--tail=1").ok()).isEqualTo("three\n");
    assertThat(kubectl.run("logs", "p1", "-c", "none").out())
        .contains("container none is not valid for pod p1");
  }

  @Test
  void rolesDecideWhatOthersMayDo() throws Exception {
    var other = new Kubectl(developerConfig(), kubectl.home());
    assertThat(other.run("get", "secrets").out())
        .contains(
            "secrets is forbidden: User \"dev\" cannot list resource \"secrets\" in API group \"\" in the namespace \"default\"");
    kubectl
        .run("create", "role", "reader", "--verb=get,list", "--resource=secrets")
        .ok();
    kubectl
        .run("create", "rolebinding", "devs", "--role=reader", "--group=devs")
        .ok();
    other.run("get", "secrets").ok();
    assertThat(other.run("auth", "can-i", "delete", "secrets").out()).contains("no");
  }

  private Path developerConfig() throws IOException {
    var folder = java.nio.file.Files.createTempDirectory(kubectl.home(), "dev");
    return Kubectl.against(
            folder, served.server.port(), served.authority.certificatePem(), served.developer)
        .kubeconfig();
  }
}
