package dev.buildplane.apiserver;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// The query parameters of a request.
record Query(Map<String, List<String>> values) {
  /// @throws ApiProblem 400 when it is not proper percent-encoded UTF-8
  static Query parse(String rawQuery) {
    var values = new HashMap<String, List<String>>();
    for (var part : rawQuery.split("&", -1)) {
      if (part.isEmpty()) {
        continue;
      }
      var equals = part.indexOf('=');
      var name = decode(equals < 0 ? part : part.substring(0, equals));
      var value = equals < 0 ? "" : decode(part.substring(equals + 1));
      values.computeIfAbsent(name, _ -> new ArrayList<>()).add(value);
    }
    return new Query(values);
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiProblem.badRequest("query: expected percent-encoded UTF-8, found '" + text + "'");
    }
  }

  /// The first value; empty when there is none.
  String text(String name) {
    var found = values.get(name);
    return found == null ? "" : found.getFirst();
  }

  List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  /// As Go reads booleans here: present without a value, `true` and `1` are true.
  boolean flag(String name) {
    if (!has(name)) {
      return false;
    }
    return switch (text(name)) {
      case "", "true", "1", "True", "TRUE", "t", "T" -> true;
      case "false", "0", "False", "FALSE", "f", "F" -> false;
      default ->
        throw ApiProblem.badRequest(
            "query parameter " + name + ": expected true or false, found '" + text(name) + "'");
    };
  }

  OptionalLong number(String name) {
    if (text(name).isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Long.parseLong(text(name)));
    } catch (NumberFormatException e) {
      throw ApiProblem.badRequest(
          "query parameter " + name + ": expected an integer, found '" + text(name) + "'");
    }
  }
}
