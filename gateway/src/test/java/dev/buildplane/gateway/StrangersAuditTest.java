package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/// However many requests without credentials come, the audit log stays readable and says how many there were.
class StrangersAuditTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
  private final Queue<String> lines = new ConcurrentLinkedQueue<>();
  private final AuditLog log =
      new AuditLog(AuditSink.each(lines::add), now::get, UUID.randomUUID());
  private final StrangersAudit strangers = new StrangersAudit(log, now::get);

  private static RequestHead head(String address, String path) {
    return new RequestHead(
        "GET",
        path,
        "token=c4n4ry",
        "",
        Headers.of("user-agent", "x".repeat(5000)).with("authorization", "Bearer c4n4ry"),
        new InetSocketAddress(address, 4711),
        List.of(),
        "id",
        "HTTP/1.1");
  }

  private void refused(String address, int times) {
    var policy = strangers.around(new Policy(
        "nobody", _ -> CompletableFuture.failedFuture(new HttpProblem(401, "no credentials"))));
    for (int i = 0; i < times; i++) {
      var answer = policy.check().admit(head(address, "/x")).toCompletableFuture();
      assertThatThrownBy(answer::join)
          .isInstanceOf(CompletionException.class)
          .hasCauseInstanceOf(HttpProblem.class);
    }
  }

  /// All events, once the log is closed.
  private List<JsonNode> events() {
    log.close();
    return lines.stream().map(StrangersAuditTest::parse).toList();
  }

  private static JsonNode parse(String line) {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new AssertionError(line, e);
    }
  }

  private static String further(JsonNode event) {
    return event.at("/annotations/buildplane.openchoreo.dev~1further-requests").asText();
  }

  @Test
  void oneAddressGetsItsEventsAndOneForTheRest() {
    refused("10.0.0.1", 1000);
    refused("10.0.0.2", 1);
    strangers.endWindow();
    now.updateAndGet(at -> at.plus(StrangersAudit.WINDOW));
    strangers.endWindow();
    strangers.endWindow();

    var events = events();
    assertThat(events).hasSize(StrangersAudit.PER_ADDRESS + 2);
    assertThat(events)
        .filteredOn(event -> event.at("/sourceIPs/0").asText().equals("10.0.0.2"))
        .as("a flood hides nobody else")
        .hasSize(1);
    assertThat(events.getLast().at("/sourceIPs/0").asText()).isEqualTo("10.0.0.1");
    assertThat(further(events.getLast())).isEqualTo("" + (1000 - StrangersAudit.PER_ADDRESS));
    assertThat(events.getLast().at("/responseStatus/code").asInt()).isEqualTo(401);
  }

  @Test
  void allAddressesTogetherAreBoundedToo() {
    for (int i = 0; i < 1000; i++) {
      refused("10.0." + i / 250 + "." + i % 250, 1);
    }
    now.updateAndGet(at -> at.plus(StrangersAudit.WINDOW));
    refused("10.9.9.9", 1);

    var events = events();
    assertThat(events).hasSize(StrangersAudit.IN_ALL + 2);
    assertThat(further(events.get(StrangersAudit.IN_ALL)))
        .isEqualTo("" + (1000 - StrangersAudit.IN_ALL));
    assertThat(events.getLast().at("/sourceIPs/0").asText()).isEqualTo("10.9.9.9");
  }

  @Test
  void anEventOfAStrangerIsShortAndHoldsNoSecret() {
    var policy = strangers.around(new Policy(
        "broken", _ -> CompletableFuture.failedFuture(new IllegalStateException("c4n4ry"))));
    policy.check().admit(head("10.0.0.1", "/" + "y".repeat(8000)));

    var events = events();
    assertThat(events).hasSize(1);
    assertThat(events.getFirst().toString()).hasSizeLessThan(1536).doesNotContain("c4n4ry");
    assertThat(events.getFirst().at("/responseStatus/code").asInt()).isEqualTo(500);
    assertThat(events.getFirst().path("userAgent").asText()).endsWith("...");
  }

  @Test
  void whoIsLetInMakesNoEventHere() {
    var admitted = strangers
        .around(Policy.PUBLIC)
        .check()
        .admit(head("10.0.0.1", "/x"))
        .toCompletableFuture()
        .join();

    assertThat(admitted).isEqualTo(Principal.ANONYMOUS);
    assertThat(events()).isEmpty();
  }
}
