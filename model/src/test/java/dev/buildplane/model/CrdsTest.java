package dev.buildplane.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.buildplane.model.CrdYaml.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class CrdsTest {
  private static final Path FOLDER = Path.of("src/main/resources/dev/buildplane/model/crds");
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  static Stream<Kind> everyKind() {
    return CrdKinds.all().stream();
  }

  static Stream<String> everyPlural() {
    return Crds.plurals().stream();
  }

  /// Rewrites a stale file, then fails: the fix is to read the diff and commit it.
  @ParameterizedTest
  @MethodSource("everyKind")
  void theYamlIsWhatTheTypesSay(Kind kind) throws IOException {
    Path file = FOLDER.resolve(kind.plural() + ".yaml");
    var rendered = CrdYaml.of(kind);
    if (Files.exists(file) && Files.readString(file).equals(rendered)) {
      return;
    }
    Files.createDirectories(FOLDER);
    Files.writeString(file, rendered);
    fail("%s was stale and has been rewritten; review and commit it", file);
  }

  @Test
  void everyKindHasAFileAndEveryFileAKind() {
    assertThat(CrdKinds.all().stream().map(Kind::plural)).containsExactlyElementsOf(Crds.plurals());
    assertThat(Crds.all()).hasSize(Crds.plurals().size());
    assertThatThrownBy(() -> Crds.yaml("nothings")).hasMessageContaining("nothings");
  }

  @ParameterizedTest
  @MethodSource("everyPlural")
  void everyFieldIsExplained(String plural) throws IOException {
    assertThat(undescribed("", schema(plural))).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void aPlaneMayCarryTheFieldsOfItsTypeOnly(PlaneKind kind) throws IOException {
    var expected = switch (kind.type()) {
      case BUILD -> List.of("clusterAgent", "observabilityPlaneRef", "planeID", "secretStoreRef");
      case DATA ->
        List.of(
            "clusterAgent",
            "gateway",
            "imagePullSecretRefs",
            "observabilityPlaneRef",
            "planeID",
            "secretStoreRef");
      case OBSERVABILITY -> List.of("clusterAgent", "observerURL", "planeID", "rcaAgentURL");
    };
    var spec = schema(kind.plural()).at("/properties/spec");
    assertThat(spec.get("properties").fieldNames())
        .toIterable()
        .containsExactlyElementsOf(expected);
  }

  @ParameterizedTest
  @EnumSource
  void aClusterScopedPlaneMustNameTheNamespaceOfItsSecret(PlaneKind kind) throws IOException {
    var rules = schema(kind.plural())
        .at("/properties/spec/properties/clusterAgent/properties/clientCA/properties/secretRef")
        .path("x-kubernetes-validations");
    assertThat(rules.size()).isEqualTo(kind.clusterScoped() ? 1 : 0);
  }

  /// One walk over every type in every scope: what a kind of plane must have to be used like its siblings.
  @ParameterizedTest
  @EnumSource
  void everyKindOfPlaneHasWhatItsSiblingsHave(PlaneKind kind) throws IOException {
    var crd = YAML.readTree(Crds.yaml(kind.plural()));
    var names = crd.at("/spec/names");
    assertThat(crd.at("/spec/scope").asText())
        .isEqualTo(kind.clusterScoped() ? "Cluster" : "Namespaced");
    assertThat(texts(names.path("shortNames"))).isEqualTo(kind.shortNames());
    assertThat(texts(names.path("categories"))).contains("planes");
    var columns = crd.at("/spec/versions/0/additionalPrinterColumns");
    assertThat(columns(columns, 0)).containsExactly("Plane ID", "Ready", "Agents", "Age");
    assertThat(columns(columns, 1))
        .containsExactlyElementsOf(
            kind.type().hasReferences()
                ? List.of("Reason", "Observability", "Secret Store")
                : List.of("Reason"));
    var schema = crd.at("/spec/versions/0/schema/openAPIV3Schema");
    assertThat(texts(schema.path("required"))).contains("spec");
    assertThat(texts(schema.at("/properties/spec/required"))).contains("clusterAgent");
    assertThat(schema.at("/properties/spec/properties/planeID/pattern").asText())
        .isEqualTo(Limits.PLANE_ID_PATTERN);
    var conditions = schema.at("/properties/status/properties/conditions");
    assertThat(conditions.path("x-kubernetes-list-type").asText()).isEqualTo("map");
    assertThat(texts(conditions.path("x-kubernetes-list-map-keys"))).containsExactly("type");
    assertThat(schema.path("description").asText()).contains("cluster agent");
    assertThat(crd.at("/spec/versions/0/subresources/status").isObject()).isTrue();
  }

  private static List<String> columns(JsonNode columns, int priority) {
    return columns
        .valueStream()
        .filter(column -> column.path("priority").asInt(0) == priority)
        .map(column -> column.path("name").asText())
        .toList();
  }

  private static List<String> texts(JsonNode array) {
    return array.valueStream().map(JsonNode::asText).toList();
  }

  private static JsonNode schema(String plural) throws IOException {
    return YAML.readTree(Crds.yaml(plural)).at("/spec/versions/0/schema/openAPIV3Schema");
  }

  private static List<String> undescribed(String path, JsonNode schema) {
    return schema.path("properties").properties().stream()
        .flatMap(entry -> {
          var here = path + "." + entry.getKey();
          var child = entry.getValue();
          var below = Stream.concat(
              undescribed(here, child).stream(), undescribed(here, child.path("items")).stream());
          var missing = child.has("description") || here.equals(".metadata")
              ? Stream.<String>of()
              : Stream.of(here);
          return Stream.concat(missing, below);
        })
        .toList();
  }
}
