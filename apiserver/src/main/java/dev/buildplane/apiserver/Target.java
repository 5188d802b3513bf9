package dev.buildplane.apiserver;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// What the path of a request names.
sealed interface Target {
  /// `/api/v1/...` or `/apis/GROUP/VERSION/...` down to a resource.
  ///
  /// @param namespace empty when the path has none
  /// @param name empty for the collection
  /// @param subresource empty for the object itself
  record Resource(
      String group,
      String version,
      String namespace,
      String plural,
      String name,
      String subresource)
      implements Target {}

  /// Anything else: discovery, health, OpenAPI, unknown.
  record Other(List<String> segments) implements Target {
    public Other {
      segments = List.copyOf(segments);
    }
  }

  /// Reads a path.
  ///
  /// @throws ApiProblem 400 when a segment is not proper percent-encoded UTF-8 or is a dot segment
  static Target parse(String rawPath) {
    var segments = segments(rawPath);
    var core = segments.size() >= 3 && segments.get(0).equals("api");
    var grouped = segments.size() >= 4 && segments.get(0).equals("apis");
    if (!core && !grouped) {
      return new Other(segments);
    }
    var group = core ? "" : segments.get(1);
    var version = core ? segments.get(1) : segments.get(2);
    return resource(group, version, segments.subList(core ? 2 : 3, segments.size()), segments);
  }

  private static Target resource(
      String group, String version, List<String> rest, List<String> all) {
    var inNamespace = rest.size() >= 3
        && rest.get(0).equals("namespaces")
        && !(group.isEmpty() && NAMESPACE_SUBRESOURCES.contains(rest.get(2)) && rest.size() == 3);
    var namespace = inNamespace ? rest.get(1) : "";
    var own = inNamespace ? rest.subList(2, rest.size()) : rest;
    return switch (own.size()) {
      case 1 -> new Resource(group, version, namespace, own.get(0), "", "");
      case 2 -> new Resource(group, version, namespace, own.get(0), own.get(1), "");
      case 3 -> new Resource(group, version, namespace, own.get(0), own.get(1), own.get(2));
      default -> new Other(all);
    };
  }

  /// `/api/v1/namespaces/NAME/status` is the namespace's own, not a resource called `status`.
  List<String> NAMESPACE_SUBRESOURCES = List.of("status", "finalize");

  private static List<String> segments(String rawPath) {
    var segments = new ArrayList<String>();
    for (var raw : rawPath.split("/", -1)) {
      if (raw.isEmpty()) {
        continue;
      }
      var segment = decode(raw);
      if (segment.equals(".")
          || segment.equals("..")
          || segment.indexOf('/') >= 0
          || segment.indexOf('\0') >= 0) {
        throw ApiProblem.badRequest(
            "path: expected no dot segments, encoded slashes or NUL, found '" + raw + "'");
      }
      segments.add(segment);
    }
    return segments;
  }

  private static String decode(String raw) {
    try {
      return URLDecoder.decode(raw.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiProblem.badRequest("path: expected percent-encoded UTF-8, found '" + raw + "'");
    }
  }
}
