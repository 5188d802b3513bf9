package dev.buildplane.schema;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// An absolute URL or an absolute path, read as Kubernetes' CEL library `url` does.
record WebAddress(URI uri) {
  static Optional<WebAddress> parse(String text) {
    try {
      var uri = new URI(text);
      return uri.isAbsolute() || text.startsWith("/")
          ? Optional.of(new WebAddress(uri))
          : Optional.empty();
    } catch (URISyntaxException e) {
      return Optional.empty();
    }
  }

  String scheme() {
    return orEmpty(uri.getScheme());
  }

  /// Host and port as written, without user information.
  String host() {
    var authority = orEmpty(uri.getRawAuthority());
    return authority.substring(authority.lastIndexOf('@') + 1);
  }

  /// The host without port and brackets.
  String hostname() {
    var host = orEmpty(uri.getHost());
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  String port() {
    return uri.getPort() < 0 ? "" : Integer.toString(uri.getPort());
  }

  String escapedPath() {
    return orEmpty(uri.getRawPath());
  }

  Map<String, List<String>> query() {
    var found = new LinkedHashMap<String, List<String>>();
    for (var pair : orEmpty(uri.getRawQuery()).split("&", -1)) {
      var equals = pair.indexOf('=');
      if (!pair.isEmpty()) {
        var name = decode(equals < 0 ? pair : pair.substring(0, equals));
        found
            .computeIfAbsent(name, _ -> new ArrayList<>())
            .add(equals < 0 ? "" : decode(pair.substring(equals + 1)));
      }
    }
    return found;
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : text;
  }

  @Override
  public String toString() {
    return uri.toString();
  }
}
