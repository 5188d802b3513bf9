package dev.buildplane.gateway;

import dev.buildplane.gateway.GatewayMetrics.Unauthenticated;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.api.model.authentication.TokenReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/// Who a caller is: a client certificate of the internal CA, or a bearer token the hub's API server knows. Nobody else
/// gets past (401). Tokens are kept as digests only. Thread-safe.
final class CallerAuthentication {
  /// Outcomes kept; all are dropped when there are more.
  private static final int MAX_KEPT = 4096;

  private static final String BEARER = "bearer ";

  /// Tokens being reviewed at a time; more callers with unknown tokens get 503. Anybody can send one, and each costs the hub's
  /// API server a request.
  static final int MAX_REVIEWS = 64;

  private record Kept(Principal principal, Instant until) {}

  private record Presented(List<X509Certificate> chain, TrustBundle trust) {}

  private final KubernetesClient hubClient;
  private final Supplier<TrustBundle> trust;
  private final Duration lifetime;
  private final InstantSource clock;
  private final GatewayMetrics metrics;
  private final Map<Object, Kept> kept = new ConcurrentHashMap<>();
  private final Semaphore reviews = new Semaphore(MAX_REVIEWS);

  CallerAuthentication(
      KubernetesClient hubClient,
      Supplier<TrustBundle> trust,
      Duration lifetime,
      InstantSource clock,
      GatewayMetrics metrics) {
    this.metrics = metrics;
    this.hubClient = hubClient;
    this.trust = trust;
    this.lifetime = lifetime;
    this.clock = clock;
  }

  Policy policy() {
    return new Policy("caller: internal client certificate or bearer token", this::admit);
  }

  private CompletionStage<Principal> admit(RequestHead head) {
    var authorization = head.headers().first("authorization").orElse("");
    boolean token = head.peerCertificates().isEmpty()
        && authorization.regionMatches(true, 0, BEARER, 0, BEARER.length());
    var text = token ? authorization.substring(BEARER.length()).strip() : "";
    Object evidence = token ? digest(text) : new Presented(head.peerCertificates(), trust.get());
    var known = kept.get(evidence);
    if (known != null && clock.instant().isBefore(known.until())) {
      return CompletableFuture.completedFuture(known.principal());
    }
    if (token) {
      return Policy.blocking("token", _ -> keep(evidence, review(text))).check().admit(head);
    }
    try {
      return CompletableFuture.completedFuture(
          keep(evidence, Policy.authenticate(head.peerCertificates(), trust.get(), clock)));
    } catch (HttpProblem problem) {
      metrics.notAuthenticated(
          head.peerCertificates().isEmpty()
              ? Unauthenticated.NO_CREDENTIALS
              : Unauthenticated.CERTIFICATE);
      return CompletableFuture.failedFuture(problem);
    }
  }

  private Principal keep(Object evidence, Principal principal) {
    if (kept.size() >= MAX_KEPT) {
      kept.clear();
    }
    kept.put(evidence, new Kept(principal, clock.instant().plus(lifetime)));
    return principal;
  }

  private Principal review(String token) {
    if (!reviews.tryAcquire()) {
      throw new HttpProblem(
          503, "more bearer tokens than " + MAX_REVIEWS + " are being reviewed; try again");
    }
    try {
      var review =
          new TokenReviewBuilder().withNewSpec().withToken(token).endSpec().build();
      var status = hubClient.tokenReviews().create(review).getStatus();
      if (status == null
          || !Boolean.TRUE.equals(status.getAuthenticated())
          || status.getUser() == null) {
        metrics.notAuthenticated(Unauthenticated.TOKEN);
        throw new HttpProblem(
            401, "bearer token: the hub's API server does not know it; get a new one");
      }
      return new Principal(status.getUser().getUsername(), status.getUser().getGroups());
    } catch (KubernetesClientException e) {
      metrics.notAuthenticated(Unauthenticated.UNAVAILABLE);
      throw new HttpProblem(
          503, "the hub's API server could not be asked about the bearer token; try again");
    } finally {
      reviews.release();
    }
  }

  private static String digest(String token) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
