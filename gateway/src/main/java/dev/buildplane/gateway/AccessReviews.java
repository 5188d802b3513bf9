package dev.buildplane.gateway;

import dev.buildplane.http.Principal;
import dev.buildplane.model.Api;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReview;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/// Asks the hub's API server by SubjectAccessReview. Outcomes are used again for a few seconds. Thread-safe.
public final class AccessReviews implements CallerAuthorizer {
  /// Outcomes kept; all are dropped when there are more.
  private static final int MAX_KEPT = 4096;

  /// In the last part of its lifetime, one of this many, an answer that is still used is asked for anew.
  private static final int REFRESHED_FRACTION = 4;

  private record Question(Principal caller, Access access) {}

  private record Kept(Decision decision, Instant until) {}

  private final KubernetesClient hubClient;
  private final Duration lifetime;
  private final InstantSource clock;
  private final Map<Question, Kept> kept = new ConcurrentHashMap<>();
  private final Map<Question, CompletableFuture<Decision>> asking = new ConcurrentHashMap<>();

  public AccessReviews(KubernetesClient hubClient, Duration lifetime, InstantSource clock) {
    this.hubClient = hubClient;
    this.lifetime = lifetime;
    this.clock = clock;
  }

  @Override
  public CompletionStage<Decision> authorize(Principal caller, Access access) {
    var question = new Question(caller, access);
    var known = kept.get(question);
    var now = clock.instant();
    if (known == null || !now.isBefore(known.until())) {
      return asked(question);
    }
    if (now.isAfter(known.until().minus(lifetime.dividedBy(REFRESHED_FRACTION)))) {
      asked(question); // so that a caller who goes on asking never waits; what is known holds until
      // its time
    }
    return CompletableFuture.completedFuture(known.decision());
  }

  /// One review at a time for a question, however many calls wait for it.
  private CompletableFuture<Decision> asked(Question question) {
    var answer = new CompletableFuture<Decision>();
    var running = asking.putIfAbsent(question, answer);
    if (running != null) {
      return running;
    }
    Thread.ofVirtual().name("access-review").start(() -> {
      try {
        var decision = ask(question);
        if (kept.size() >= MAX_KEPT) {
          kept.clear();
        }
        kept.put(question, new Kept(decision, clock.instant().plus(lifetime)));
        asking.remove(question);
        answer.complete(decision);
      } catch (RuntimeException e) {
        asking.remove(question);
        answer.completeExceptionally(e);
      }
    });
    return answer;
  }

  private Decision ask(Question question) {
    var status = hubClient
        .authorization()
        .v1()
        .subjectAccessReview()
        .create(review(question))
        .getStatus();
    boolean allowed = status != null && Boolean.TRUE.equals(status.getAllowed());
    var reason = status == null || status.getReason() == null ? "" : status.getReason();
    return new Decision(allowed, reason);
  }

  private static SubjectAccessReview review(Question question) {
    var spec = new SubjectAccessReviewBuilder()
        .withNewSpec()
        .withUser(question.caller().user())
        .withGroups(question.caller().groups());
    return switch (question.access()) {
      case Access.Proxy(var plane, var verb) ->
        spec.withNewResourceAttributes()
            .withGroup(Api.GROUP)
            .withVersion(Api.VERSION)
            .withResource(plane.kind().plural())
            .withSubresource("proxy")
            .withNamespace(plane.namespace())
            .withName(plane.name())
            .withVerb(verb)
            .endResourceAttributes()
            .endSpec()
            .build();
      case Access.Connections(var verb) ->
        spec.withNewResourceAttributes()
            .withGroup(Api.GROUP)
            .withVersion(Api.VERSION)
            .withResource(Access.Connections.RESOURCE)
            .withVerb(verb)
            .endResourceAttributes()
            .endSpec()
            .build();
    };
  }
}
