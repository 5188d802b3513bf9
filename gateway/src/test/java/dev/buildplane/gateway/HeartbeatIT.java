package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.ClientCA;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class HeartbeatIT {
  private static final Duration INTERVAL = Duration.ofSeconds(3);
  private static final int AGENTS = 12;
  private static final int ROUNDS = 4;
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path folder;

  /// Every connection has its heartbeat in turn. A machine that stands still for a while holds some of them up, so that they swap places.
  @Test
  void everyConnectionHasItsHeartbeatOnceInEachInterval() throws Exception {
    Deque<TestAgent> agents = new ArrayDeque<>();
    try (var hub = new TestHub(folder, settings -> settings.withHeartbeatInterval(INTERVAL));
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      hub.plane("alive", null, ClientCA.ofValue(hub.agents.certificatePem()));
      for (int i = 0; i < AGENTS; i++) {
        agents.add(hub.agent("alive"));
      }
      var events = caller.send(
          HttpRequest.newBuilder(URI.create(
                  "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/watch"))
              .build(),
          BodyHandlers.ofInputStream());
      try (var lines = new BufferedReader(new InputStreamReader(events.body(), UTF_8))) {
        var counted = heartbeats(lines, AGENTS * ROUNDS).stream()
            .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
        assertThat(counted).hasSize(AGENTS);
        assertThat(counted.values()).allMatch(count -> Math.abs(count - ROUNDS) <= 1);
      }
    } finally {
      for (var agent : agents) {
        agent.close();
      }
    }
  }

  /// The connections of that many heartbeats, in order.
  private static List<String> heartbeats(BufferedReader lines, int count) throws IOException {
    var seen = new ArrayList<String>();
    while (seen.size() < count) {
      var line = lines.readLine();
      if (line == null) {
        throw new IOException("the stream ended after " + seen.size() + " heartbeats");
      }
      JsonNode event = JSON.readTree(line);
      if (event.path("type").asText().equals("HEARTBEAT")) {
        assertThat(event.path("lastSeen").asText()).isNotEmpty();
        seen.add(event.path("connectionID").asText());
      }
    }
    return seen;
  }
}
