package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.RecordingTarget;
import java.util.List;
import java.util.Locale;

/// What of a caller's headers a target behind an agent gets to see.
final class AllowedHeaders {
  /// Every header name a target may see; `authorization` is the agent's own.
  private static final List<String> ALLOWED = List.of(
      "accept",
      "accept-encoding",
      "authorization",
      "cache-control",
      "content-length",
      "content-type",
      "host",
      "if-none-match",
      "range",
      "traceparent",
      "transfer-encoding",
      "user-agent",
      "x-request-id");

  private AllowedHeaders() {}

  /// Holds a request against what may arrive; whatever must not has `evil` in its name or value.
  static void only(Chain chain, RecordingTarget.Seen seen) {
    assertThat(seen.names()).isSubsetOf(ALLOWED).doesNotHaveDuplicates();
    assertThat(seen.values("host")).containsExactly("localhost:" + chain.target.port());
    assertThat(seen.values("authorization")).containsExactly("Bearer " + Chain.AGENT_TOKEN);
    assertThat(seen.trailers()).isEmpty();
    assertThat(chain.target.raw().toLowerCase(Locale.ROOT)).doesNotContain("evil");
  }
}
