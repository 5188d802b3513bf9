package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Sends whole answers.
final class Answers {
  private Answers() {}

  static void send(
      HttpExchange exchange,
      int status,
      JsonNode body,
      Shape.Wanted wanted,
      List<String> warnings) {
    var bytes = wanted.yaml() ? Bodies.yaml(body) : Json.bytes(body);
    var headers =
        Headers.of("content-type", wanted.contentType()).with("cache-control", "no-cache, private");
    for (var warning : warnings) {
      headers = headers.with("warning", "299 - \"" + quoted(warning) + "\"");
    }
    exchange.respond(status, headers, bytes);
  }

  static void json(HttpExchange exchange, int status, JsonNode body) {
    json(exchange, status, body, "application/json");
  }

  static void json(HttpExchange exchange, int status, JsonNode body, String contentType) {
    exchange.respond(status, Headers.of("content-type", contentType), Json.bytes(body));
  }

  static void text(HttpExchange exchange, String text) {
    exchange.respond(
        200,
        Headers.of("content-type", "text/plain; charset=utf-8"),
        text.getBytes(StandardCharsets.UTF_8));
  }

  static void problem(HttpExchange exchange, ApiProblem problem) {
    var headers =
        Headers.of("content-type", "application/json").with("cache-control", "no-cache, private");
    if (problem.code() == 429 || problem.code() == 503) {
      headers = headers.with("retry-after", "1");
    }
    exchange.respond(problem.code(), headers, Json.bytes(problem.status()));
  }

  /// As a quoted string of RFC 9110 section 5.6.4, on one line.
  private static String quoted(String text) {
    var out = new StringBuilder();
    text.chars().forEach(c -> {
      if (c == '"' || c == '\\') {
        out.append('\\');
      }
      out.append(c < ' ' || c > '~' ? '?' : (char) c);
    });
    return out.toString();
  }
}
