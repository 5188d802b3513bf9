package dev.buildplane.render;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;

final class TemplateFuzz {
  private static final String[] PIECES = {
    "${",
    "}",
    "{",
    "$",
    "\"",
    "'",
    "\\",
    " ",
    "a",
    "=",
    ",",
    "|",
    "[",
    "]",
    "default",
    "enum",
    "parameters",
    ".",
    "1",
    "\n",
    "é",
    "oc:"
  };

  private static RandomGenerator random() {
    var seed = Long.getLong("fuzz.seed", 20261122L);
    System.out.println("TemplateFuzz seed " + seed);
    return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  private static String text(RandomGenerator random, int pieces) {
    var text = new StringBuilder();
    for (var i = 0; i < random.nextInt(pieces); i++) {
      text.append(PIECES[random.nextInt(PIECES.length)]);
    }
    return text.toString();
  }

  @Test
  void segmentsPutTogetherAreTheTextAgain() {
    var random = random();
    for (var round = 0; round < 100_000; round++) {
      var text = text(random, 20);
      try {
        var back = new StringBuilder();
        for (var segment : TemplateText.parse(text).segments()) {
          back.append(segment.isExpression() ? "${" + segment.text() + "}" : segment.text());
        }
        assertThat(back.toString()).isEqualTo(text);
      } catch (TemplateText.Nested e) {
        assertThat(text).contains("${");
      }
    }
  }

  @Test
  void tokensHoldAllButTheWhiteSpaceAroundThem() {
    var random = random();
    for (var round = 0; round < 100_000; round++) {
      var text = text(random, 20);
      var tokens = ConstraintTokens.split(text);

      assertThat(String.join("", tokens).replaceAll("[\\s|]", ""))
          .isEqualTo(text.replaceAll("[\\s|]", ""));
      tokens.forEach(ConstraintTokens::unquote);
      ConstraintTokens.list(text).forEach(ConstraintTokens::unquote);
    }
  }

  @Test
  void anyShorthandAndAnyTemplateIsReadOrRefused() {
    var random = random();
    var renderer = new RunRenderer();
    for (var round = 0; round < 1_500; round++) {
      var workflow = Yaml.object(
          "{runTemplate: {apiVersion: v1, kind: X, metadata: {name: a, namespace: b}, spec: {serviceAccountName: c}}}");
      workflow.withObject("/runTemplate/spec").set("x", TextNode.valueOf(text(random, 12)));
      if (random.nextInt(3) == 0) {
        workflow.withObject("/schema/parameters").put("p", "string | " + text(random, 12));
      }
      var request =
          new RenderRequest(workflow, "r", "n", Map.of(), MissingNode.getInstance(), Map.of());

      assertThat(renderer.render(request)).as("round %d: %s", round, workflow).isNotNull();
    }
  }
}
