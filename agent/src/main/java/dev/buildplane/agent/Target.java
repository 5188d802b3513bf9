package dev.buildplane.agent;

import static java.util.Objects.requireNonNull;

import io.netty.handler.ssl.SslContext;
import java.net.URI;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// One backend the agent may reach, with the credentials it uses there. Compared by identity: a reloaded target is another one.
final class Target {
  private static final int HTTPS_PORT = 443;
  private static final int HTTP_PORT = 80;

  private final String name;
  private final URI endpoint;
  private final @Nullable SslContext tls;
  private final @Nullable String authorization;

  /// @param tls null for plain HTTP
  /// @param authorization value of the `Authorization` field, null when the target takes none
  Target(String name, URI endpoint, @Nullable SslContext tls, @Nullable String authorization) {
    this.name = requireNonNull(name, "name");
    this.endpoint = requireNonNull(endpoint, "endpoint");
    this.tls = tls;
    this.authorization = authorization;
  }

  /// An `http` or `https` URL without user information, query and fragment.
  static URI endpoint(String text, String where) throws AgentProblem {
    try {
      var uri = URI.create(text);
      var scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
      boolean http = scheme.equals("http") || scheme.equals("https");
      if (http
          && uri.getHost() != null
          && uri.getUserInfo() == null
          && uri.getQuery() == null
          && uri.getFragment() == null) {
        return uri;
      }
    } catch (IllegalArgumentException notAUri) {
      throw new AgentProblem(
          where + ": expected a URL like https://host:port, found '" + text + "'", notAUri);
    }
    throw new AgentProblem(
        where + ": expected a URL like https://host:port without user, query and fragment, found '"
            + text + "'");
  }

  static boolean isTls(URI endpoint) {
    return endpoint.getScheme().toLowerCase(Locale.ROOT).equals("https");
  }

  String name() {
    return name;
  }

  String host() {
    var host = endpoint.getHost();
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  int port() {
    return endpoint.getPort() >= 0 ? endpoint.getPort() : isTls(endpoint) ? HTTPS_PORT : HTTP_PORT;
  }

  /// The value of the `Host` field.
  String authority() {
    return endpoint.getPort() >= 0
        ? endpoint.getHost() + ":" + endpoint.getPort()
        : endpoint.getHost();
  }

  /// The request target at this backend: its own path, then `uri` byte for byte.
  String requestTarget(String uri) {
    var base = endpoint.getRawPath() == null ? "" : endpoint.getRawPath();
    return (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + uri;
  }

  @Nullable
  SslContext tls() {
    return tls;
  }

  @Nullable
  String authorization() {
    return authorization;
  }

  /// Without credentials.
  @Override
  public String toString() {
    return name + " at " + endpoint;
  }
}
