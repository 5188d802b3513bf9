package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.http.Headers;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

class AuditLogTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Queue<String> lines = new ConcurrentLinkedQueue<>();
  private final AuditLog log = new AuditLog(
      AuditSink.each(lines::add), () -> Instant.parse("2026-01-01T00:00:00Z"), UUID.randomUUID());

  private void call(String path, SocketAddress from) {
    var record = log.begin(
        new RequestHead("GET", path, "", "", Headers.EMPTY, from, List.of(), "id", "HTTP/1.1"),
        new Principal("operator", List.of()));
    record.answered(200);
    log.end(record);
  }

  @Test
  void aRecordThatCannotBeRenderedLeavesALineAndTheOthersTheirs() throws Exception {
    var known = new InetSocketAddress("10.0.0.1", 4711);
    call("/before", known);
    call("/untold", new SocketAddress() {
      @Override
      public String toString() {
        throw new IllegalStateException("no address");
      }
    });
    call("/after", known);
    log.close();

    var events = new ArrayList<JsonNode>();
    for (var line : lines) {
      events.add(JSON.readTree(line));
    }
    assertThat(events)
        .extracting(event -> event.path("requestURI").asText())
        .containsExactly("/before", "", "/after");
    var untold = events.get(1);
    assertThat(untold.at("/responseStatus/code").asInt()).isEqualTo(200);
    assertThat(untold.at("/responseStatus/message").asText())
        .contains("could not be recorded in full", "IllegalStateException");
    assertThat(untold.path("auditID").asText()).hasSize(36);
    assertThat(untold.path("requestReceivedTimestamp").asText()).startsWith("2026-01-01T00:00:00");
    assertThat(untold.toString()).doesNotContain("no address");
  }
}
