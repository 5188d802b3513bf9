package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import java.util.Set;

/// One row of a server's route table.
///
/// @param methods upper case methods; empty means any
/// @param pattern an exact path (`/healthz`), or a prefix (`/apis/**`: everything below `/apis/`; `/**`: everything)
/// @param policy who may use it
/// @param maxBodyBytes largest request body, in bytes; 413 beyond
/// @param maxMessageBytes largest WebSocket message, in bytes; close code 1009 beyond
/// @param pipes whether upgrades are for HTTP/2 callers, too, by extended CONNECT (RFC 8441), which a listener offers that has such a
///   route; its other routes refuse it, with 501 to whoever may use them
public record Route(
    Set<String> methods,
    String pattern,
    Policy policy,
    Target target,
    long maxBodyBytes,
    int maxMessageBytes,
    boolean pipes) {
  /// Default of `maxBodyBytes`: 10 MiB.
  public static final long DEFAULT_MAX_BODY_BYTES = 10L * 1024 * 1024;

  /// Default of `maxMessageBytes`: 1 MiB.
  public static final int DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024;

  /// No bound on the body as a whole; what is in memory at once stays bounded by backpressure.
  public static final long UNLIMITED = Long.MAX_VALUE;

  /// Who answers.
  public sealed interface Target {
    /// On a virtual thread of its own.
    record Blocking(HttpHandler handler) implements Target {}

    /// On the event loop.
    record Async(AsyncHandler handler) implements Target {}
  }

  public Route {
    methods = Set.copyOf(methods);
    requireNonNull(policy, "policy");
    requireNonNull(target, "target");
    if (!pattern.startsWith("/")) {
      throw new IllegalArgumentException(
          "route pattern: expected a leading '/', found '" + pattern + "'");
    }
    var star = pattern.indexOf('*');
    if (star >= 0 && !(pattern.endsWith("/**") && star == pattern.length() - 2)) {
      throw new IllegalArgumentException(
          "route pattern: expected '*' only as a trailing '/**', found '" + pattern + "'");
    }
    if (maxBodyBytes < 0 || maxMessageBytes < 1) {
      throw new IllegalArgumentException("route " + pattern + ": bounds must be positive");
    }
  }

  /// A blocking route for these methods (none: any).
  public static Route blocking(
      Set<String> methods, String pattern, Policy policy, HttpHandler handler) {
    return new Route(
        methods,
        pattern,
        policy,
        new Target.Blocking(handler),
        DEFAULT_MAX_BODY_BYTES,
        DEFAULT_MAX_MESSAGE_BYTES,
        false);
  }

  /// A route handled on the event loop, for these methods (none: any).
  public static Route async(
      Set<String> methods, String pattern, Policy policy, AsyncHandler handler) {
    return new Route(
        methods,
        pattern,
        policy,
        new Target.Async(handler),
        DEFAULT_MAX_BODY_BYTES,
        DEFAULT_MAX_MESSAGE_BYTES,
        false);
  }

  /// [#blocking] for `GET` (and `HEAD`).
  public static Route get(String pattern, Policy policy, HttpHandler handler) {
    return blocking(Set.of("GET", "HEAD"), pattern, policy, handler);
  }

  /// [#blocking] for any method.
  public static Route any(String pattern, Policy policy, HttpHandler handler) {
    return blocking(Set.of(), pattern, policy, handler);
  }

  public Route withMaxBodyBytes(long bytes) {
    return new Route(methods, pattern, policy, target, bytes, maxMessageBytes, pipes);
  }

  public Route withMaxMessageBytes(int bytes) {
    return new Route(methods, pattern, policy, target, maxBodyBytes, bytes, pipes);
  }

  /// For handlers that answer every upgrade by [AsyncExchange#switchProtocols] or a refusal.
  public Route withPipes() {
    return new Route(methods, pattern, policy, target, maxBodyBytes, maxMessageBytes, true);
  }

  boolean isPrefix() {
    return pattern.endsWith("/**");
  }

  boolean allows(String method) {
    return methods.isEmpty() || methods.contains(method);
  }

  /// `/apis/**` covers `/apis/` and below, not `/apis` itself.
  boolean covers(String rawPath) {
    return isPrefix()
        ? rawPath.length() > pattern.length() - 3
            && rawPath.regionMatches(0, pattern, 0, pattern.length() - 2)
        : rawPath.equals(pattern);
  }
}
