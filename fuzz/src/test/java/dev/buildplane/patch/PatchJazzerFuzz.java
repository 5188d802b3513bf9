package dev.buildplane.patch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.fuzz.Corpus;
import java.io.IOException;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/// Whoever may patch an object writes the patch.
class PatchJazzerFuzz {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final MergeStructure POD = BuiltInStructure.of("v1", "Pod");

  /// An object as it might be stored.
  private static final String STORED = """
      {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"x":"y"},"finalizers":["f"]},
       "spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":1,"protocol":"TCP"}],"args":["1","2"]}]}}
      """;

  /// A patch applies or is refused with a word; stored object and patch stay as they were.
  private static void applied(byte[] input, Function<JsonNode, JsonNode> to) {
    try {
      var patch = JSON.readTree(new String(input, UTF_8)); // as the API server does
      if (patch != null && !patch.isMissingNode()) {
        var before = patch.deepCopy();
        assertThat(to.apply(patch)).isNotNull();
        assertThat(patch).isEqualTo(before);
      }
    } catch (JsonProcessingException notJson) {
      assertThat(notJson.getMessage()).isNotBlank();
    } catch (PatchException refused) {
      assertThat(refused.getMessage()).isNotBlank();
    }
  }

  private static ObjectNode stored() {
    try {
      return (ObjectNode) JSON.readTree(STORED);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static JsonNode unchanged(Function<JsonNode, JsonNode> patch) {
    var stored = stored();
    try {
      return patch.apply(stored);
    } finally {
      assertThat(stored).isEqualTo(stored());
    }
  }

  @FuzzTest(maxDuration = "2m")
  void jsonPatch(byte[] input) {
    applied(input, patch -> unchanged(stored -> JsonPatch.apply(stored, patch)));
  }

  @FuzzTest(maxDuration = "2m")
  void mergePatch(byte[] input) {
    applied(input, patch -> {
      var merged = unchanged(stored -> MergePatch.apply(stored, patch));
      assertThat(MergePatch.apply(merged, patch)).as("twice is once").isEqualTo(merged);
      return merged;
    });
  }

  @FuzzTest(maxDuration = "2m")
  void strategicMergePatch(byte[] input) {
    applied(input, patch -> unchanged(stored -> StrategicMergePatch.apply(stored, patch, POD)));
  }

  @Test
  void jsonPatchesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "jsonPatch", this::jsonPatch);
  }

  @Test
  void mergePatchesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "mergePatch", this::mergePatch);
  }

  @Test
  void strategicMergePatchesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "strategicMergePatch", this::strategicMergePatch);
  }
}
