package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import dev.buildplane.pki.TrustBundle;
import dev.buildplane.pki.Verdict;
import java.security.cert.X509Certificate;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;

/// Who may use a route. It decides before the handler sees the request; a route cannot be built without one
/// (invariant `no-route-without-policy`).
///
/// @param name shown in the route table
/// @param check says who the caller is, or fails with [HttpProblem] 401 or 403
/// @param refusals is told of requests that the server itself turns away before the check, as those of other sites' pages
public record Policy(String name, Check check, Refusals refusals) {
  /// Called on an event loop: must not block.
  @FunctionalInterface
  public interface Refusals {
    void turnedAway(RequestHead head, HttpProblem problem);
  }

  /// Called on an event loop: must not block. Slow decisions complete the stage later, from any thread.
  @FunctionalInterface
  public interface Check {
    CompletionStage<Principal> admit(RequestHead head);
  }

  /// A check that may block; it runs on a virtual thread.
  @FunctionalInterface
  public interface BlockingCheck {
    Principal admit(RequestHead head) throws Exception;
  }

  /// Anyone, unasked.
  public static final Policy PUBLIC =
      new Policy("public", head -> CompletableFuture.completedFuture(Principal.ANONYMOUS));

  public Policy {
    requireNonNull(name, "name");
    requireNonNull(check, "check");
    requireNonNull(refusals, "refusals");
  }

  /// A policy that need not hear of what was turned away before it.
  public Policy(String name, Check check) {
    this(name, check, (_, _) -> {});
  }

  /// Asks for a decision on a request that came in over TLS or not.
  CompletionStage<Principal> admit(RequestHead head, boolean tls) {
    try {
      ForeignPage.check(head, tls);
    } catch (HttpProblem problem) {
      refusals.turnedAway(head, problem);
      throw problem;
    }
    return check.admit(head);
  }

  /// A policy whose check blocks, for example on a remote token review.
  public static Policy blocking(String name, BlockingCheck check) {
    return new Policy(name, head -> {
      var decision = new CompletableFuture<Principal>();
      Thread.ofVirtual().name("policy-" + name).start(() -> {
        try {
          decision.complete(check.admit(head));
        } catch (Exception | Error e) {
          decision.completeExceptionally(e);
        }
      });
      return decision;
    });
  }

  /// Callers with a client certificate of one of these CAs: the common name is the user, organisations are the groups,
  /// as Kubernetes has it. Everyone else gets 401.
  public static Policy clientCertificate(
      String name, Supplier<TrustBundle> trust, InstantSource clock) {
    return new Policy(name, head -> {
      try {
        return CompletableFuture.completedFuture(
            authenticate(head.peerCertificates(), trust.get(), clock));
      } catch (HttpProblem e) {
        return CompletableFuture.failedFuture(e);
      }
    });
  }

  /// The principal a verified chain stands for.
  ///
  /// @throws HttpProblem 401 when there is no certificate, or none that `trust` vouches for
  public static Principal authenticate(
      List<X509Certificate> chain, TrustBundle trust, InstantSource clock) {
    if (chain.isEmpty()) {
      throw new HttpProblem(
          401,
          "no client certificate presented: expected one issued by this system's internal CA; add it to the client");
    }
    return switch (VerifiedCallers.judge(chain, trust, clock.instant())) {
      case Verdict.Trusted _ -> principalOf(chain.getFirst());
      case Verdict.Refused refused ->
        throw new HttpProblem(
            401,
            "client certificate refused: expected one issued by this system's internal CA, found "
                + refused.reason() + " (" + refused.detail() + ")");
    };
  }

  /// CN = user, every O = a group.
  ///
  /// @throws HttpProblem 401 when the subject has no common name
  public static Principal principalOf(X509Certificate leaf) {
    var user = "";
    var groups = new ArrayList<String>();
    try {
      for (var part : new LdapName(leaf.getSubjectX500Principal().getName()).getRdns()) {
        if (part.getType().equalsIgnoreCase("CN")) {
          user = String.valueOf(part.getValue());
        } else if (part.getType().equalsIgnoreCase("O")) {
          groups.add(String.valueOf(part.getValue()));
        }
      }
    } catch (InvalidNameException e) {
      throw new HttpProblem(
          401,
          "client certificate refused: its subject is not a distinguished name: " + e.getMessage());
    }
    if (user.isEmpty()) {
      throw new HttpProblem(
          401, "client certificate refused: expected a common name in the subject, found none");
    }
    return new Principal(user, groups);
  }
}
