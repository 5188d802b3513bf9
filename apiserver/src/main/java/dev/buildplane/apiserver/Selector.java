package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Which objects a list, watch or delete of a collection means: label selector and field selector
/// together.
///
/// @param all whether nothing was asked for, so that objects need not be looked at
record Selector(boolean all, Predicate<JsonNode> test) {
  private static final Pattern SET_BASED =
      Pattern.compile("^(\\S+)\\s+(in|notin)\\s*\\(([^)]*)\\)$");
  private static final Pattern LABEL_KEY = Pattern.compile(
      "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$");
  private static final Set<String> ALWAYS_SELECTABLE =
      Set.of("metadata.name", "metadata.namespace");
  /// Requirements in one selector.
  private static final int MAX_REQUIREMENTS = 100;

  static final Selector ALL = new Selector(true, _ -> true);

  boolean matches(JsonNode object) {
    return test.test(object);
  }

  /// @throws ApiProblem 400 when a selector cannot be parsed, or names a field that is not selectable
  static Selector of(ResourceType type, String labels, String fields) {
    var requirements = Stream.concat(
            split(labels).stream().map(Selector::labelRequirement),
            split(fields).stream().map(part -> fieldRequirement(type, part)))
        .toList();
    if (requirements.isEmpty()) {
      return ALL;
    }
    if (requirements.size() > MAX_REQUIREMENTS) {
      throw ApiProblem.badRequest(
          "selector: expected at most " + MAX_REQUIREMENTS + " requirements");
    }
    return new Selector(false, object -> requirements.stream().allMatch(one -> one.test(object)));
  }

  /// At commas outside of parentheses.
  private static List<String> split(String text) {
    var parts = new ArrayList<String>();
    var depth = 0;
    var start = 0;
    for (var i = 0; i <= text.length(); i++) {
      var c = i == text.length() ? ',' : text.charAt(i);
      if (c == '(') {
        depth++;
      } else if (c == ')') {
        depth--;
      } else if (c == ',' && (depth == 0 || i == text.length())) {
        var part = text.substring(start, i).strip();
        if (!part.isEmpty()) {
          parts.add(part);
        }
        start = i + 1;
      }
    }
    return parts;
  }

  private static Predicate<JsonNode> labelRequirement(String part) {
    var setBased = SET_BASED.matcher(part);
    if (setBased.matches()) {
      var key = labelKey(setBased.group(1));
      var values = Stream.of(setBased.group(3).split(",", -1))
          .map(String::strip)
          .collect(Collectors.toSet());
      return setBased.group(2).equals("in")
          ? object -> values.contains(label(object, key).asText("\0"))
          : object -> !values.contains(label(object, key).asText("\0"));
    }
    if (part.startsWith("!")) {
      var key = labelKey(part.substring(1).strip());
      return object -> label(object, key).isMissingNode();
    }
    var comparison = Comparison.parse(part);
    if (comparison == null) {
      var key = labelKey(part);
      return object -> !label(object, key).isMissingNode();
    }
    var key = labelKey(comparison.key());
    var wanted = comparison.value();
    return comparison.equal()
        ? object -> label(object, key).asText("\0").equals(wanted)
        : object -> !label(object, key).asText("\0").equals(wanted);
  }

  private static JsonNode label(JsonNode object, String key) {
    return object.path("metadata").path("labels").path(key);
  }

  private static String labelKey(String key) {
    if (!LABEL_KEY.matcher(key).matches()) {
      throw ApiProblem.badRequest(
          "unable to parse requirement: expected a label key, found '" + key + "'");
    }
    return key;
  }

  private static Predicate<JsonNode> fieldRequirement(ResourceType type, String part) {
    var comparison = Comparison.parse(part);
    if (comparison == null) {
      throw ApiProblem.badRequest(
          "invalid field selector: expected key=value, found '" + part + "'");
    }
    if (!ALWAYS_SELECTABLE.contains(comparison.key())
        && !type.selectable().contains(comparison.key())) {
      throw ApiProblem.badRequest("field label not supported: " + comparison.key());
    }
    var path = comparison.key().split("\\.");
    var wanted = comparison.value();
    return comparison.equal()
        ? object -> Json.text(object, path).equals(wanted)
        : object -> !Json.text(object, path).equals(wanted);
  }

  private record Comparison(String key, boolean equal, String value) {
    static @Nullable Comparison parse(String part) {
      for (var operator : List.of("!=", "==", "=")) {
        var at = part.indexOf(operator);
        if (at > 0) {
          var value = part.substring(at + operator.length()).strip();
          return new Comparison(part.substring(0, at).strip(), !operator.equals("!="), value);
        }
      }
      return null;
    }
  }
}
