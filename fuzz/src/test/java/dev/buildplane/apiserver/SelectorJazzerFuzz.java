package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.fuzz.Corpus;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/// Whoever may list writes label and field selectors.
class SelectorJazzerFuzz {
  private static final ResourceType PODS = BuiltIns.all().stream()
      .filter(type -> type.plural().equals("pods"))
      .findFirst()
      .orElseThrow();

  private static final JsonNode POD;

  static {
    try {
      POD = new ObjectMapper().readTree("""
          {"metadata":{"name":"a","namespace":"b","labels":{"x":"y","a.b/c":""}}}
          """);
    } catch (IOException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /// The first line is the label selector, the rest the field selector.
  @FuzzTest(maxDuration = "2m")
  void selectors(byte[] input) {
    var text = new String(input, ISO_8859_1);
    int line = text.indexOf('\n');
    var labels = line < 0 ? text : text.substring(0, line);
    var fields = line < 0 ? "" : text.substring(line + 1);
    try {
      var selector = Selector.of(PODS, labels, fields);
      assertThat(selector.matches(POD)).isIn(true, false);
      assertThat(selector.all()).isEqualTo(selector == Selector.ALL);
    } catch (ApiProblem refused) {
      assertThat(refused.getMessage()).isNotBlank();
    }
  }

  @Test
  void inputsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "selectors", this::selectors);
  }
}
