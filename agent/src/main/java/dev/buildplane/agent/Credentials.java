package dev.buildplane.agent;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Credentials of the caller stop here; the agent's own go on.
final class Credentials {
  private static final String IMPERSONATE = "impersonate-";
  private static final String REMOTE = "x-remote-";

  private Credentials() {}

  static void replace(HttpHeaders headers, @Nullable String authorization) {
    for (var name : Set.copyOf(headers.names())) {
      // Backends behind CGI-like interfaces take one for the other.
      var lower = name.toLowerCase(java.util.Locale.ROOT).replace('_', '-');
      if (lower.startsWith(IMPERSONATE)
          || lower.startsWith(REMOTE)
          || lower.equals("authorization")
          || lower.equals("proxy-authorization")) {
        headers.remove(name);
      }
    }
    headers.remove(HttpHeaderNames.AUTHORIZATION);
    if (authorization != null) {
      headers.set(HttpHeaderNames.AUTHORIZATION, authorization);
    }
  }
}
