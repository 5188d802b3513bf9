package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import java.net.InetSocketAddress;
import java.util.Optional;

/// What one listener is made of.
///
/// @param name for log lines and thread names
/// @param bind address to listen on; port 0 takes any free port, see [HttpServer#port]
/// @param tls the identity to show; empty serves plain text HTTP/1.1
/// @param limits the bounds
/// @param problemFormat how errors made by the server are worded
/// @param eventLoops threads that move bytes, 1 to 256
public record HttpServerSettings(
    String name,
    InetSocketAddress bind,
    Optional<TlsIdentity> tls,
    HttpLimits limits,
    ProblemFormat problemFormat,
    int eventLoops) {
  private static final int MAX_EVENT_LOOPS = 256;

  public HttpServerSettings {
    requireNonNull(name, "name");
    requireNonNull(bind, "bind");
    requireNonNull(tls, "tls");
    requireNonNull(limits, "limits");
    requireNonNull(problemFormat, "problemFormat");
    if (eventLoops < 1 || eventLoops > MAX_EVENT_LOOPS) {
      throw new IllegalArgumentException(
          "eventLoops: expected 1 to " + MAX_EVENT_LOOPS + ", found " + eventLoops);
    }
  }

  /// A TLS listener (HTTP/2 and HTTP/1.1) with default limits.
  public static HttpServerSettings tls(String name, InetSocketAddress bind, TlsIdentity identity) {
    return new HttpServerSettings(
        name, bind, Optional.of(identity), HttpLimits.DEFAULT, ProblemFormat.TEXT, defaultLoops());
  }

  /// A plain text HTTP/1.1 listener with default limits and one event loop.
  public static HttpServerSettings plain(String name, InetSocketAddress bind) {
    return new HttpServerSettings(
        name, bind, Optional.empty(), HttpLimits.DEFAULT, ProblemFormat.TEXT, 1);
  }

  public HttpServerSettings withLimits(HttpLimits other) {
    return new HttpServerSettings(name, bind, tls, other, problemFormat, eventLoops);
  }

  public HttpServerSettings withProblemFormat(ProblemFormat other) {
    return new HttpServerSettings(name, bind, tls, limits, other, eventLoops);
  }

  public HttpServerSettings withEventLoops(int count) {
    return new HttpServerSettings(name, bind, tls, limits, problemFormat, count);
  }

  private static int defaultLoops() {
    return Math.min(MAX_EVENT_LOOPS, Math.max(1, Runtime.getRuntime().availableProcessors()));
  }
}
