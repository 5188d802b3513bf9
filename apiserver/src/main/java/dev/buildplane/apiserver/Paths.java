package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The part of Kubernetes' JSONPath that printer columns use: fields, quoted fields, indexes, `[*]`,
/// and filters `[?(@.field=="value")]` with `==`, `!=` or bare existence.
final class Paths {
  private static final Pattern STEP = Pattern.compile(
      "\\G(?:\\.?\\[\\?\\(\\s*@\\.([^=!)\\s]+)\\s*(?:(==|!=)\\s*[\"']?([^\"')]*)[\"']?\\s*)?\\)]"
          + "|\\.?\\[['\"]([^'\"]+)['\"]]"
          + "|\\.?\\[(-?\\d+|\\*)]"
          + "|\\.((?:\\\\.|[^.\\[\\\\])+))");

  private Paths() {}

  /// Compiles a path such as `.status.conditions[?(@.type=="Ready")].status`; empty when it is not of
  /// the supported form.
  static Optional<Function<JsonNode, List<JsonNode>>> compile(String path) {
    var steps = new ArrayList<Function<JsonNode, List<JsonNode>>>();
    var text = path.startsWith(".") || path.startsWith("[") ? path : "." + path;
    var matcher = STEP.matcher(text);
    var end = 0;
    while (end < text.length() && matcher.find()) {
      steps.add(step(
          matcher.group(1),
          matcher.group(2),
          matcher.group(3),
          firstOf(matcher.group(4), unescape(matcher.group(6))),
          matcher.group(5)));
      end = matcher.end();
    }
    if (end < text.length()) {
      return Optional.empty();
    }
    return Optional.of(root -> {
      var found = List.of(root);
      for (var step : steps) {
        found =
            found.stream().flatMap(node -> step.apply(node).stream()).collect(Collectors.toList());
      }
      return found;
    });
  }

  private static @Nullable String firstOf(@Nullable String one, @Nullable String other) {
    return one != null ? one : other;
  }

  private static @Nullable String unescape(@Nullable String field) {
    return field == null ? null : field.replaceAll("\\\\(.)", "$1");
  }

  private static Function<JsonNode, List<JsonNode>> step(
      @Nullable String filter,
      @Nullable String operator,
      @Nullable String value,
      @Nullable String field,
      @Nullable String index) {
    if (filter != null) {
      var path = filter.split("\\.");
      return node -> items(node).stream()
          .filter(item -> passes(item, path, operator, value))
          .toList();
    }
    if (field != null) {
      return node -> present(node.path(field));
    }
    if (index == null || index.equals("*")) {
      return Paths::items;
    }
    var at = Integer.parseInt(index);
    return node -> present(node.path(at < 0 ? node.size() + at : at));
  }

  private static boolean passes(
      JsonNode item, String[] path, @Nullable String operator, @Nullable String value) {
    var at = item;
    for (var field : path) {
      at = at.path(field);
    }
    if (operator == null) {
      return !at.isMissingNode();
    }
    return at.asText("").equals(value) == operator.equals("==");
  }

  private static List<JsonNode> items(JsonNode node) {
    var items = new ArrayList<JsonNode>();
    node.forEach(items::add);
    return items;
  }

  private static List<JsonNode> present(JsonNode node) {
    return node.isMissingNode() || node.isNull() ? List.of() : List.of(node);
  }
}
