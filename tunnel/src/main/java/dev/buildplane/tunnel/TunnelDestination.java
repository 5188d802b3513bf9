package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.net.URI;
import java.net.URLEncoder;
import java.util.Locale;

/// Where an agent dials and as what.
///
/// @param serverUrl `wss://host[:port]/path[?query]`; query parameters in it are kept
/// @param planeType for example `buildplane`
/// @param planeId of the plane this agent serves
public record TunnelDestination(URI serverUrl, String planeType, String planeId) {
  private static final int HTTPS_PORT = 443;

  public TunnelDestination {
    requireNonNull(planeType, "planeType");
    requireNonNull(planeId, "planeId");
    var scheme = serverUrl.getScheme();
    if (scheme == null
        || !scheme.toLowerCase(Locale.ROOT).equals("wss")
        || serverUrl.getHost() == null) {
      throw new IllegalArgumentException(
          "expected a server URL like wss://gateway.example:8443/ws, found " + serverUrl);
    }
    if (serverUrl.getUserInfo() != null || serverUrl.getRawFragment() != null) {
      throw new IllegalArgumentException(
          "expected a server URL without user information and fragment");
    }
  }

  /// Host name, or address without brackets.
  public String host() {
    var host = serverUrl.getHost();
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  public int port() {
    return serverUrl.getPort() < 0 ? HTTPS_PORT : serverUrl.getPort();
  }

  /// The value of the `Host` field.
  String authority() {
    return serverUrl.getPort() < 0
        ? serverUrl.getHost()
        : serverUrl.getHost() + ":" + serverUrl.getPort();
  }

  /// Path and query of the handshake request.
  String requestTarget() {
    var path = serverUrl.getRawPath() == null || serverUrl.getRawPath().isEmpty()
        ? "/"
        : serverUrl.getRawPath();
    var kept = serverUrl.getRawQuery() == null || serverUrl.getRawQuery().isEmpty()
        ? ""
        : serverUrl.getRawQuery() + "&";
    return path + "?" + kept + "planeType=" + encode(planeType) + "&planeID=" + encode(planeId);
  }

  private static String encode(String value) {
    return URLEncoder.encode(value, UTF_8);
  }
}
