package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/// What one replica says to another about a request it passes on, once and never further.
///
/// These headers count only from a caller whose certificate of the internal CA is in [#PEER_GROUP]; from anyone else they are
/// as if they were not there.
///
/// @param caller whom the first replica has authenticated and authorised
/// @param by identifier of the first replica
/// @param auditID of the first replica's audit event
record Forwarding(Principal caller, String by, String auditID) {
  /// Organisation in the client certificates of gateways. Whoever has it may speak for any caller.
  static final String PEER_GROUP = MeshSettings.PEER_GROUP;

  /// Marks a forwarded request; names the replica that did it.
  static final String FORWARDED = "x-buildplane-forwarded";

  static final String USER = "x-buildplane-forwarded-user";
  static final String GROUPS = "x-buildplane-forwarded-groups";
  static final String AUDIT_ID = "audit-id";

  /// In answers to forwarded requests: the request went to no agent. Its value says why.
  static final String UNREACHED = "x-buildplane-unreached";

  static final String NO_AGENT = "no agent";
  static final String NOT_CARRIED = "not carried";

  /// In answers of the feed, and in the 101 to agents.
  static final String REPLICA = "x-buildplane-gateway-replica";

  private static final int MAX_ID_CHARS = 64;

  static boolean isPeer(Principal caller) {
    return caller.groups().contains(PEER_GROUP);
  }

  /// What a peer says; empty for requests that are not forwarded, or not by a peer.
  ///
  /// @throws HttpProblem 400 when a peer says something malformed
  static Optional<Forwarding> of(RequestHead head, Principal caller) {
    return of(head.headers(), caller);
  }

  /// As above.
  static Optional<Forwarding> of(Headers headers, Principal caller) {
    var by = headers.first(FORWARDED);
    if (by.isEmpty() || !isPeer(caller)) {
      return Optional.empty();
    }
    try {
      var user = decoded(headers.first(USER).orElse(""));
      if (user.isEmpty()) {
        throw new HttpProblem(400, "forwarded request: expected " + USER + ", found none");
      }
      var groups = Arrays.stream(headers.first(GROUPS).orElse("").split(",", -1))
          .filter(group -> !group.isEmpty())
          .map(Forwarding::decoded)
          .toList();
      return Optional.of(new Forwarding(
          new Principal(user, groups),
          bounded(by.get()),
          bounded(headers.first(AUDIT_ID).orElse(UUID.randomUUID().toString()))));
    } catch (IllegalArgumentException e) {
      throw new HttpProblem(400, "forwarded request: malformed user or groups");
    }
  }

  void addTo(HttpHeaders headers) {
    headers
        .set(FORWARDED, by)
        .set(USER, encoded(caller.user()))
        .set(AUDIT_ID, auditID)
        .set(
            GROUPS,
            caller.groups().stream().map(Forwarding::encoded).collect(Collectors.joining(",")));
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, UTF_8);
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, UTF_8);
  }

  private static String bounded(String id) {
    return id.length() <= MAX_ID_CHARS ? id : id.substring(0, MAX_ID_CHARS);
  }
}
