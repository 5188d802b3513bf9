package dev.buildplane.gateway;

import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.RequestHead;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/// Tells the calls whose answer does not end by itself, which an agent of v0.17 cannot carry.
final class StreamingCall {
  /// The old form of a watch, `/api/v1/watch/...` and `/apis/<group>/<version>/watch/...`.
  private static final Pattern WATCH_PATH =
      Pattern.compile("/(api/[^/]+|apis/[^/]+/[^/]+)/watch(/.*)?");

  private StreamingCall() {}

  static boolean is(RequestHead head, ProxyTarget target) {
    return is(head.upgradeRequested() || head.headers().first("upgrade").isPresent(), target.uri());
  }

  /// @param uri path and query, raw
  static boolean is(boolean upgrade, String uri) {
    var path = path(uri);
    return upgrade || isWatch(uri) || (isLog(path) && asks(query(uri), "follow"));
  }

  /// Whether the answer is a series of events that its client goes on with elsewhere when it ends.
  ///
  /// @param uri path and query, raw
  static boolean isWatch(String uri) {
    return asks(query(uri), "watch") || WATCH_PATH.matcher(path(uri)).matches();
  }

  private static String path(String uri) {
    int question = uri.indexOf('?');
    var raw = question < 0 ? uri : uri.substring(0, question);
    return decoded(raw).orElse(raw);
  }

  private static String query(String uri) {
    int question = uri.indexOf('?');
    return question < 0 ? "" : uri.substring(question + 1);
  }

  private static boolean isLog(String path) {
    return Arrays.asList(path.split("/")).contains("log");
  }

  /// Whether a parameter is true to Kubernetes: there, and neither `0` nor `false` (apimachinery `Convert_Slice_string_To_bool`, which looks at
  /// the first value; here any counts, as what comes behind parses for itself).
  private static boolean asks(String query, String name) {
    for (var pair : List.of(query.split("&"))) {
      int equals = pair.indexOf('=');
      var key = equals < 0 ? pair : pair.substring(0, equals);
      var value = equals < 0 ? "" : pair.substring(equals + 1);
      if (decoded(key).equals(Optional.of(name)) && isTrue(decoded(value).orElse(value))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isTrue(String value) {
    return !value.equals("0") && !value.toLowerCase(Locale.ROOT).equals("false");
  }

  static Optional<String> decoded(String text) {
    try {
      return Optional.of(URLDecoder.decode(text, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException notEncoded) {
      return Optional.empty();
    }
  }

  static HttpProblem notCarried(ProxyTarget target) {
    return new HttpProblem(
        501,
        "the agent of " + target.key()
            + " speaks the JSON protocol of OpenChoreo v0.17, which carries no watch, followed log, exec, attach or"
            + " port-forward; update the agent, or ask without watch and follow");
  }
}
