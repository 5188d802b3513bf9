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
