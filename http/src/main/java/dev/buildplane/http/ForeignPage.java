package dev.buildplane.http;

import java.util.Locale;
import java.util.Set;

/// Keeps pages of other sites from acting with what a browser shows by itself: the client certificate of whoever looks at them. Refused
/// is what changes something or opens a pipe (to which a page's CORS does not apply), when the browser says that a page of another
/// origin has asked for it: by `Sec-Fetch-Site` (W3C Fetch Metadata), or, from one that does not say so, by an `Origin` (RFC 6454) that
/// is not where the request went. A request with a bearer token is let through: no browser adds one unasked. Programs that are no
/// browsers send neither header.
final class ForeignPage {
  private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS", "TRACE");

  /// Asked for by the origin itself, or by whoever sits before the browser.
  private static final Set<String> OWN_SITES = Set.of("same-origin", "none");

  private static final String BEARER = "Bearer ";
  private static final String HTTPS = "https://";
  private static final String HTTP = "http://";
  private static final String HTTPS_PORT = ":443";
  private static final String HTTP_PORT = ":80";

  private ForeignPage() {}

  /// Looks at a head that is well-formed otherwise.
  ///
  /// @throws HttpProblem 403
  static void check(RequestHead head, boolean tls) {
    if ((SAFE.contains(head.method()) && !head.upgradeRequested())
        || head.headers().all("authorization").stream().anyMatch(ForeignPage::isBearer)) {
      return;
    }
    var sites = head.headers().all("sec-fetch-site");
    var origins = head.headers().all("origin");
    boolean own = sites.isEmpty()
        ? origins.stream().allMatch(origin -> isAt(origin, head.authority(), tls))
        : OWN_SITES.containsAll(sites);
    if (!own) {
      throw new HttpProblem(
          403,
          "expected a request of this server's own pages or of no page, found one of the page of "
              + (origins.isEmpty() ? "another site" : "'" + origins.getFirst() + "'")
              + "; send a bearer token if it is meant");
    }
  }

  private static boolean isBearer(String authorization) {
    return authorization.regionMatches(true, 0, BEARER, 0, BEARER.length());
  }

  private static boolean isAt(String origin, String authority, boolean tls) {
    boolean https = origin.startsWith(HTTPS);
    if (!https && !origin.startsWith(HTTP)) {
      return false;
    }
    var from = origin.substring(https ? HTTPS.length() : HTTP.length());
    return withPort(from, https).equals(withPort(authority, tls));
  }

  private static String withPort(String authority, boolean tls) {
    var host = authority.toLowerCase(Locale.ROOT);
    boolean named = host.lastIndexOf(':') > host.lastIndexOf(']');
    return named ? host : host + (tls ? HTTPS_PORT : HTTP_PORT);
  }
}
