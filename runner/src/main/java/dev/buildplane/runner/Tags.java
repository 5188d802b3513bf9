package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Values for `{{placeholders}}`. Immutable.
///
/// Substitution is textual and happens once: a value that itself holds `{{...}}` is not looked at again. What is not a reference to a
/// parameter, output or item (`{{.Host.X}}`, `{{ .secret | toString }}`) stays as it is; a reference that nothing answers is a problem.
record Tags(Map<String, String> values) {
  private static final Pattern TAG = Pattern.compile("\\{\\{([^{}]*)}}");
  private static final Pattern REFERENCE = Pattern.compile(
      "item(\\..+)?|workflow\\.parameters(\\..+)?|inputs\\.(parameters|artifacts)\\..+|(steps|tasks)\\.[^.]+\\.outputs\\..+");

  Tags {
    values = Map.copyOf(values);
  }

  Tags plus(Map<String, String> more) {
    var all = new HashMap<>(values);
    all.putAll(more);
    return new Tags(all);
  }

  String fill(String text) throws StepProblem {
    if (!text.contains("{{")) {
      return text;
    }
    var matcher = TAG.matcher(text);
    var filled = new StringBuilder();
    while (matcher.find()) {
      matcher.appendReplacement(
          filled, Matcher.quoteReplacement(replacement(matcher.group(), matcher.group(1))));
    }
    return matcher.appendTail(filled).toString();
  }

  private String replacement(String whole, String inside) throws StepProblem {
    var name = inside.strip();
    if (inside.startsWith("=")) {
      throw new StepProblem("expression placeholders are not supported by this runner: " + whole
          + "; use a plain parameter reference");
    }
    var value = values.get(name);
    if (value != null) {
      return value;
    }
    if (REFERENCE.matcher(name).matches()) {
      throw new StepProblem("failed to resolve {{" + name + "}}");
    }
    return whole;
  }

  /// Every string in the tree filled in; keys stay.
  JsonNode fill(JsonNode node) throws StepProblem {
    return switch (node) {
      case TextNode text -> TextNode.valueOf(fill(text.textValue()));
      case ObjectNode object -> {
        var copy = JsonNodeFactory.instance.objectNode();
        for (var entry : object.properties()) {
          copy.set(entry.getKey(), fill(entry.getValue()));
        }
        yield copy;
      }
      case ArrayNode array -> {
        var copy = JsonNodeFactory.instance.arrayNode();
        for (var item : array) {
          copy.add(fill(item));
        }
        yield copy;
      }
      case JsonNode scalar -> scalar;
    };
  }
}
