package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.testkit.Kubectl;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What goes, what stays and what waits when objects are deleted.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class KubectlDeletionIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String LET_GO = "--type=merge -p {\"metadata\":{\"finalizers\":null}}";

  private Served served;
  private Kubectl kubectl;

  @BeforeAll
  void start(@TempDir Path folder) throws IOException {
    served = new Served(folder, PodLogs.NONE);
    kubectl = served.kubectl(served.admin);
  }

  @AfterAll
  void stop() {
    served.close();
  }

  private String ok(String arguments) throws IOException, InterruptedException {
    return kubectl.run(arguments.split(" ")).ok();
  }

  private String output(String arguments) throws IOException, InterruptedException {
    return kubectl.run(arguments.split(" ")).out();
  }

  private void map(String name, String metadata, String... owners)
      throws IOException, InterruptedException {
    var references = new StringBuilder();
    for (var owner : owners) {
      references.append(
          "{apiVersion: v1, kind: ConfigMap, name: %s, uid: %s, blockOwnerDeletion: true}, "
              .formatted(owner, ok("get cm " + owner + " -o jsonpath={.metadata.uid}")));
    }
    kubectl
        .runWith(
            "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, ownerReferences: [%s]%s}}"
                .formatted(name, references, metadata),
            "create",
            "-f",
            "-")
        .ok();
  }

  private void map(String name) throws IOException, InterruptedException {
    map(name, "");
  }

  private boolean there(String object) throws IOException, InterruptedException {
    return !ok("get " + object + " --ignore-not-found -o name").isEmpty();
  }

  @Test
  void whatHasAFinalizerWaitsForIt() throws Exception {
    map("held", ", finalizers: [example.dev/hold]");
    assertThat(output("delete cm held --timeout=1s")).contains("timed out waiting");
    assertThat(ok("get cm held -o jsonpath={.metadata.deletionTimestamp}")).isNotEmpty();
    assertThat(
            output(
                "patch cm held --type=merge -p {\"metadata\":{\"finalizers\":[\"a.b/c\",\"example.dev/hold\"]}}"))
        .contains("no new finalizers can be added");
    try (var deletion = kubectl.start("delete", "cm", "held", "--timeout=50s")) {
      await().atMost(PATIENCE).until(() -> deletion.out().contains("deleted")); // asked for
      ok("patch cm held " + LET_GO);
      deletion.end().ok();
    }
    assertThat(there("cm/held")).isFalse();
  }

  @Test
  void dependentsFollowTheirOwnerInTheBackground() throws Exception {
    map("back");
    map("back-child", "", "back");
    map("back-grandchild", "", "back-child");
    ok("delete cm back");
    await().atMost(PATIENCE).until(() -> !there("cm/back-grandchild") && !there("cm/back-child"));
  }

  @Test
  void inTheForegroundTheOwnerGoesLastAndSharedOnesStay() throws Exception {
    map("fore");
    map("other");
    map("fore-child", ", finalizers: [example.dev/hold]", "fore");
    map("fore-shared", "", "fore", "other");
    ok("delete cm fore --cascade=foreground --wait=false");
    await()
        .atMost(PATIENCE)
        .until(() ->
            !ok("get cm fore-child -o jsonpath={.metadata.deletionTimestamp}").isEmpty());
    assertThat(there("cm/fore")).as("the child is still there").isTrue();

    ok("patch cm fore-child " + LET_GO);
    await().atMost(PATIENCE).until(() -> !there("cm/fore"));
    assertThat(there("cm/fore-child")).isFalse();
    assertThat(ok("get cm fore-shared -o jsonpath={.metadata.ownerReferences[*].name}"))
        .isEqualTo("other");
  }

  @Test
  void orphansStayAndForgetTheirOwner() throws Exception {
    map("orphaning");
    map("orphan", "", "orphaning");
    ok("delete cm orphaning --cascade=orphan");
    await()
        .atMost(PATIENCE)
        .until(() -> ok("get cm orphan -o jsonpath={.metadata.ownerReferences}").isEmpty());
  }

  @Test
  void permanentNamespacesStay() throws Exception {
    assertThat(output("delete ns default"))
        .contains("namespaces \"default\" is forbidden: this namespace may not be deleted");
  }

  @Test
  void aDefinitionTakesItsObjectsWithIt() throws Exception {
    String definition;
    try (var in = KubectlDeletionIT.class.getResourceAsStream("/widgets.yaml")) {
      definition = new String(in.readAllBytes(), UTF_8);
    }
    kubectl.runWith(definition, "apply", "-f", "-").ok();
    var widget =
        "---\n{apiVersion: example.dev/v1, kind: Widget, metadata: {name: %s, finalizers: [%s]}, spec: {color: red}}";
    kubectl.runWith(widget.formatted("free", ""), "create", "-f", "-").ok();
    kubectl
        .runWith(widget.formatted("held", "example.dev/hold"), "create", "-f", "-")
        .ok();
    ok("delete crd widgets.example.dev --wait=false");
    await().atMost(PATIENCE).until(() -> !there("wd/free"));
    assertThat(
            kubectl.runWith(widget.formatted("late", ""), "create", "-f", "-").out())
        .contains("the server does not allow this method on the requested resource");
    assertThat(there("crd/widgets.example.dev")).isTrue();

    ok("patch wd held " + LET_GO);
    await().atMost(PATIENCE).until(() -> !there("crd/widgets.example.dev"));
    assertThat(output("get widgets.example.dev"))
        .contains("the server doesn't have a resource type");

    kubectl
        .runWith(definition.replace("Its color", "Its colour"), "apply", "-f", "-")
        .ok();
    assertThat(ok("get wd")).contains("No resources found");
    assertThat(ok("explain wd.spec.color")).contains("Its colour");
    kubectl.runWith(widget.formatted("hidden", ""), "create", "-f", "-").ok();
    ok("patch crd widgets.example.dev --type=json -p "
        + "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/served\",\"value\":false}]");
    ok("delete crd widgets.example.dev");
    kubectl.runWith(definition, "apply", "-f", "-").ok();
    assertThat(ok("get wd"))
        .as("objects that were not served are gone too")
        .contains("No resources");
  }
}
