package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.testkit.Kubectl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What people do to objects with the real `kubectl`, and what it is told when it may not.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class KubectlEditingIT {
  private static final String WIDGET = """
      apiVersion: example.dev/v1
      kind: Widget
      metadata: {name: %s, labels: {app: one}, annotations: {note: first}}
      spec: {color: red, size: 3}
      """;

  private Served served;
  private Kubectl kubectl;
  private Path folder;

  @BeforeAll
  void start(@TempDir Path given) throws Exception {
    folder = given;
    served = new Served(folder, PodLogs.NONE);
    kubectl = served.kubectl(served.admin);
    try (var definition = KubectlEditingIT.class.getResourceAsStream("/widgets.yaml")) {
      ok(new String(definition.readAllBytes(), UTF_8), "apply -f -");
    }
  }

  @AfterAll
  void stop() {
    served.close();
  }

  /// Arguments without spaces, as they would be typed.
  private String ok(String input, String arguments) throws IOException, InterruptedException {
    return kubectl.runWith(input, arguments.split(" ")).ok();
  }

  private String ok(String arguments) throws IOException, InterruptedException {
    return ok("", arguments);
  }

  private String refused(String input, String arguments) throws IOException, InterruptedException {
    var result = kubectl.runWith(input, arguments.split(" "));
    assertThat(result.exitCode()).as(result.out()).isNotZero();
    return result.out();
  }

  private String refused(String arguments) throws IOException, InterruptedException {
    return refused("", arguments);
  }

  @Test
  void anEditorChangesCustomAndBuiltInObjects() throws Exception {
    ok(WIDGET.formatted("edited"), "create -f -");
    ok("create configmap edited --from-literal=k=before");

    assertThat(kubectl.edit("s/size: 3/size: 5/", "edit", "wd", "edited").ok()).contains("edited");
    assertThat(kubectl.edit("s/before/after/", "edit", "cm", "edited").ok()).contains("edited");

    assertThat(ok("get wd edited -o jsonpath={.spec.size}")).isEqualTo("5");
    assertThat(ok("get cm edited -o jsonpath={.data.k}")).isEqualTo("after");
  }

  @Test
  void aRepeatedApplyTakesAwayWhatIsNoLongerWanted() throws Exception {
    ok(WIDGET.formatted("again"), "apply -f -");
    var less = WIDGET
        .formatted("again")
        .replace(", annotations: {note: first}", "")
        .replace(", size: 3", "");

    var difference = kubectl.runWith(less, "diff", "-f", "-");
    assertThat(difference.exitCode()).as(difference.out()).isEqualTo(1);
    assertThat(difference.out()).contains("-    note: first").contains("-  size: 3");
    assertThat(ok(less, "apply --dry-run=server -f -")).contains("(server dry run)");
    assertThat(ok("get wd again -o jsonpath={.spec.size}")).isEqualTo("3");

    ok(less, "apply -f -");
    assertThat(ok("get wd again -o jsonpath={.metadata.annotations.note}/{.spec.size}"))
        .as("the default takes the place of the size")
        .isEqualTo("/7");
    assertThat(kubectl.runWith(less, "diff", "-f", "-").exitCode()).isZero();
  }

  @Test
  void everyKindOfPatchDoesWhatItsStandardSays() throws Exception {
    ok(WIDGET.formatted("patched"), "create -f -");
    ok("patch wd patched --type=json -p [{\"op\":\"test\",\"path\":\"/spec/size\",\"value\":3},"
        + "{\"op\":\"replace\",\"path\":\"/spec/size\",\"value\":4}]");
    ok("patch wd patched --type=merge -p {\"metadata\":{\"annotations\":null}}");
    assertThat(ok("get wd patched -o jsonpath={.spec.size}{.metadata.annotations}"))
        .isEqualTo("4");
    assertThat(refused("patch wd patched --type=json -p "
            + "[{\"op\":\"test\",\"path\":\"/spec/size\",\"value\":3}]"))
        .contains("test failed");
    assertThat(refused("patch wd patched --type=strategic -p {\"spec\":{\"size\":9}}"))
        .contains("application/strategic-merge-patch+json is not supported");

    ok("create configmap patched --from-literal=a=1 --from-literal=b=2");
    ok("patch cm patched --type=strategic -p {\"data\":{\"a\":null,\"c\":\"3\"}}");
    assertThat(ok("get cm patched -o jsonpath={.data}")).isEqualTo("{\"b\":\"2\",\"c\":\"3\"}");
    assertThat(refused("patch cm patched --type=merge -p {\"data\":[1]}"))
        .contains("cannot unmarshal array into Go struct field ConfigMap.data of type object");
    assertThat(refused("patch cm patched --type=merge -p {\"metadata\":{\"labels\":[1]}}"))
        .contains("cannot unmarshal array into Go struct field ObjectMeta.metadata.labels");
  }

  @Test
  void labelsAndAnnotationsComeAndGo() throws Exception {
    ok("create configmap labelled");
    ok("label cm labelled a=1 b=2 --field-manager=me");
    assertThat(refused("label cm labelled a=2")).contains("--overwrite is false");
    ok("label cm labelled a=2 b- --overwrite");
    ok("annotate cm labelled note=x");
    assertThat(ok("get cm labelled -o jsonpath={.metadata.labels}{.metadata.annotations}"))
        .isEqualTo("{\"a\":\"2\"}{\"note\":\"x\"}");
    assertThat(ok("get cm labelled -o jsonpath={.metadata.managedFields[*].manager}"))
        .contains("me");
    assertThat(ok("get cm -l a=2,!b -o name")).isEqualTo("configmap/labelled\n");
  }

  @Test
  void aReplacementOfAnOldStateIsRefused() throws Exception {
    ok(WIDGET.formatted("replaced"), "create -f -");
    var state = ok("get wd replaced -o json");
    ok(state.replace("red", "blue"), "replace -f -");
    assertThat(refused(state, "replace -f -")).contains("the object has been modified");
    assertThat(ok("get wd replaced -o jsonpath={.spec.color}")).isEqualTo("blue");
    ok(WIDGET.formatted("replaced"), "replace --force -f -");
    assertThat(ok("get wd replaced -o jsonpath={.metadata.generation}")).isEqualTo("1");
  }

  @Test
  void aListIsAppliedItemByItem() throws Exception {
    assertThat(ok("""
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: listed-1}}
            - {apiVersion: example.dev/v1, kind: Widget, metadata: {name: listed-2}, spec: {color: red}}
            """, "apply -f -"))
        .contains("configmap/listed-1 created", "widget.example.dev/listed-2 created");
  }

  @Test
  void createsSecretsRolesTokensAndGeneratedNames() throws Exception {
    ok(
        "create secret docker-registry pull --docker-server=r --docker-username=u --docker-password=p");
    assertThat(ok("get secret pull -o jsonpath={.type}"))
        .isEqualTo("kubernetes.io/dockerconfigjson");
    ok("create role reader --verb=get --resource=pods,widgets.example.dev");
    ok("create rolebinding readers --role=reader --serviceaccount=default:default");
    assertThat(ok("auth can-i get wd --as=system:serviceaccount:default:default"))
        .contains("yes");
    assertThat(refused("auth can-i get wd --as=somebody")).contains("no");
    assertThat(refused("get cm --as=somebody")).contains("User \"somebody\" cannot list");
    ok("create sa builder");
    assertThat(ok("create token builder --duration=10m").split("\\.")).hasSize(3);
    assertThat(refused("create token nobody")).contains("serviceaccounts \"nobody\" not found");
    assertThat(ok(
            "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"gen-\"}}",
            "create -f - -o name"))
        .matches("configmap/gen-[a-z0-9]{5}\n");
    ok("create configmap dry --dry-run=server");
    assertThat(refused("get cm dry")).contains("configmaps \"dry\" not found");
  }

  @Test
  void listsComeInPagesAndEventsByField() throws Exception {
    for (var i = 0; i < 5; i++) {
      ok("create secret generic page-" + i);
    }
    assertThat(ok("get secrets --chunk-size=2 -o name").lines().filter(l -> l.contains("page-")))
        .hasSize(5);
    ok("""
        apiVersion: v1
        kind: Event
        metadata: {generateName: ev-}
        involvedObject: {kind: Pod, name: p1, namespace: default}
        reason: Tested
        message: hello
        type: Warning
        """, "create -f -");
    assertThat(ok("get events --field-selector involvedObject.name=p1,type=Warning"))
        .containsPattern("Warning\\s+Tested\\s+pod/p1\\s+hello");
    assertThat(ok("get events --field-selector type!=Warning")).contains("No resources found");
    assertThat(refused("get events --field-selector spec.x=1"))
        .contains("field label not supported: spec.x");
  }

  @Test
  void tellsWhoAsksAndWhatIsThere() throws Exception {
    assertThat(ok("auth whoami")).containsPattern("Username\\s+admin").contains("system:masters");
    assertThat(ok("api-versions").lines()).contains("v1", "example.dev/v1");
    assertThat(refused("get nothings"))
        .contains("the server doesn't have a resource type \"nothings\"");
    assertThat(refused("get --raw /apis/none.dev/v1/things"))
        .contains("Error from server (NotFound): the server could not find the requested resource");
  }

  @Test
  void aCertificateOfAnotherAuthorityIsNobody() throws Exception {
    var stranger = CertificateAuthority.create("other", Duration.ofDays(1))
        .issueClient("admin", List.of("system:masters"), Duration.ofHours(1));
    var result = served
        .kubectlIn(Files.createDirectory(folder.resolve("stranger")), stranger)
        .run("get", "cm");
    assertThat(result.exitCode()).isNotZero();
    assertThat(result.out()).contains("You must be logged in to the server");
  }

  @Test
  void onlyWhoMayActsInTheNameOfOthers() throws Exception {
    var developer =
        served.kubectlIn(Files.createDirectory(folder.resolve("developer")), served.developer);
    developer.run("api-resources").ok(); // kubectl tells no reasons while it discovers
    var result = developer.run("get", "cm", "--as=admin", "--as-group=system:masters");
    assertThat(result.exitCode()).isNotZero();
    assertThat(result.out()).contains("User \"dev\" cannot impersonate resource \"users\"");
  }

  @Test
  void whatIsTooLargeIsRefusedBySize() throws Exception {
    var large = Files.writeString(folder.resolve("large"), "a".repeat(4 * 1024 * 1024));
    assertThat(refused("create configmap large --from-file=k=" + large))
        .contains("expected at most 3145728 bytes");
  }

  @Test
  void aDefinitionThatCannotBeServedIsRefused() throws Exception {
    var bad = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: bads.example.dev}
        spec:
          group: example.dev
          scope: Namespaced
          names: {plural: bads, kind: Bad}
          versions:
          - {name: v1, served: true, storage: true, selectableFields: [{jsonPath: ""}], schema: {openAPIV3Schema: {type: object}}}
        """;
    assertThat(refused(bad, "create -f -"))
        .contains("spec.versions[0].selectableFields[0].jsonPath: Invalid value");
    assertThat(refused(
            "patch crd widgets.example.dev --type=merge -p {\"spec\":{\"scope\":\"Cluster\"}}"))
        .contains("spec.scope: Invalid value: \"Cluster\": field is immutable");
  }
}
