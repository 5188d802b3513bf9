package dev.buildplane.apiserver;

import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Principal;
import dev.buildplane.pki.TrustBundle;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Finds out who is asking: by client certificate (common name = user, organisations = groups) or
/// by service account token. Nobody is anonymous.
final class Authentication {
  private static final String BEARER = "bearer ";

  private final TrustBundle trust;
  private final Tokens tokens;
  private final Clocked clocked;

  Authentication(TrustBundle trust, Tokens tokens, Clocked clocked) {
    this.trust = trust;
    this.tokens = tokens;
    this.clocked = clocked;
  }

  /// Lets in whoever can be named. What they may do is decided with the request in hand.
  Policy policy() {
    return Policy.blocking("kubernetes-identity", head -> {
      var caller = caller(head.peerCertificates(), head.headers());
      return new Principal(caller.user(), caller.groups());
    });
  }

  /// @throws HttpProblem 401
  Caller caller(List<X509Certificate> chain, Headers headers) {
    var authorization = headers.first("authorization").orElse("");
    if (authorization.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
      return tokens
          .verify(authorization.substring(BEARER.length()).strip())
          .orElseThrow(() -> new HttpProblem(401, "Unauthorized"));
    }
    try {
      var principal = Policy.authenticate(chain, trust, clocked.clock());
      var groups = new ArrayList<>(principal.groups());
      groups.add(Caller.AUTHENTICATED);
      return new Caller(principal.user(), "", groups);
    } catch (HttpProblem e) {
      throw chain.isEmpty() ? new HttpProblem(401, "Unauthorized") : e;
    }
  }
}
