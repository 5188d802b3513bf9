package dev.buildplane.http;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// How a server words the errors it makes itself (no such route, bad request, a handler's [HttpProblem]).
/// Must be pure and quick: called on event loops.
@FunctionalInterface
public interface ProblemFormat {
  /// One rendered error.
  record Rendered(String contentType, byte[] body) {}

  /// The text and a newline, as `text/plain`.
  ProblemFormat TEXT = (status, message) ->
      new Rendered("text/plain; charset=utf-8", (message + "\n").getBytes(StandardCharsets.UTF_8));

  /// A Kubernetes `Status` object (`v1`, `Failure`), with the reason Kubernetes uses for that status.
  ProblemFormat KUBERNETES_STATUS = (status, message) -> new Rendered(
      "application/json",
      ("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
              + jsonString(message) + ",\"reason\":\"" + reason(status) + "\",\"code\":" + status
              + "}\n")
          .getBytes(StandardCharsets.UTF_8));

  Rendered render(int status, String message);

  /// The `reason` of a Kubernetes Status for an HTTP status (apimachinery `StatusReason`).
  static String reason(int status) {
    return switch (status) {
      case 400, 414, 431 -> "BadRequest";
      case 401 -> "Unauthorized";
      case 403 -> "Forbidden";
      case 404 -> "NotFound";
      case 405 -> "MethodNotAllowed";
      case 406 -> "NotAcceptable";
      case 408, 504 -> "Timeout";
      case 409 -> "Conflict";
      case 410 -> "Expired";
      case 413 -> "RequestEntityTooLarge";
      case 415 -> "UnsupportedMediaType";
      case 422 -> "Invalid";
      case 429 -> "TooManyRequests";
      case 500 -> "InternalError";
      case 502, 503 -> "ServiceUnavailable";
      default -> "";
    };
  }

  private static String jsonString(String text) {
    var out = new StringBuilder(text.length() + 2).append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        default -> {
          if (c < ' ' || c == 0x7f) {
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }
}
