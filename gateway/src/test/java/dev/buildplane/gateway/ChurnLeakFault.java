package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.management.ObjectName;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Planes that are declared and deleted, agents that come and go, calls and watches in between: the live objects of the product after
/// many such rounds are those of before.
///
/// Runs `buildplane.churns` rounds, 40 where that is not set.
class ChurnLeakFault {
  private static final int ROUNDS = Integer.getInteger("buildplane.churns", 40);
  private static final int WARM_UP_ROUNDS = 10;

  /// Objects of one class that may be there beyond those of before: caches that fill, pools that grow. A leak of one per round is more.
  private static final int SLACK = ROUNDS / 2;

  private static final int CALLS = 3;

  private static final List<String> WATCHED = List.of(
      "dev.buildplane.gateway.",
      "dev.buildplane.tunnel.",
      "dev.buildplane.http.",
      "dev.buildplane.metrics.",
      "io.netty.channel.",
      "io.netty.handler.codec.");

  private static final List<String> REMEMBERED =
      List.of("dev.buildplane.gateway.AccessReviews$", "dev.buildplane.gateway.CallerAuthorizer$");

  @TempDir
  Path folder;

  TestHub hub;
  HttpClient caller;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder);
    caller = hub.caller(HttpClient.Version.HTTP_2);
  }

  @AfterEach
  void stop() throws Exception {
    caller.shutdownNow();
    hub.close();
  }

  @Test
  void roundsOfPlanesAgentsAndCallsLeaveNothingBehind() throws Exception {
    churn("warm", WARM_UP_ROUNDS);
    var before = objects();
    churn("round", ROUNDS);
    Awaitility.await().atMost(TestHub.PATIENCE).untilAsserted(() -> {
      var grown = new TreeMap<String, Long>();
      objects().forEach((type, count) -> {
        long more = count - before.getOrDefault(type, 0L);
        if (more > SLACK) {
          grown.put(type, more);
        }
      });
      assertThat(grown)
          .as("objects more than before, by class, after " + ROUNDS + " rounds")
          .isEmpty();
    });
  }

  private void churn(String name, int rounds) throws Exception {
    for (int i = 0; i < rounds; i++) {
      var plane = name + "-" + i;
      var declared = hub.plane(plane, null, ClientCA.ofValue(hub.agents.certificatePem()));
      InputStream watch;
      try (var _ = hub.agent(plane)) {
        for (int call = 0; call < CALLS; call++) {
          awaitServed(plane);
        }
        watch = caller
            .send(get(plane, "/watch?watch=true"), BodyHandlers.ofInputStream())
            .body();
        assertThat(watch.readNBytes(6)).hasSize(6);
      }
      watch.close();
      hub.client.resource(declared).delete();
    }
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(hub.gateway.sessions().all()).isEmpty());
  }

  private void awaitServed(String plane) {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(
            () -> caller.send(get(plane, "/hello"), BodyHandlers.ofString()).statusCode() == 200);
  }

  private HttpRequest get(String plane, String path) {
    return HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
            + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + path))
        .build();
  }

  /// Reachable objects of gateway, agent, tunnel and network by class, after a full collection.
  private static Map<String, Long> objects() throws Exception {
    var text = (String) ManagementFactory.getPlatformMBeanServer()
        .invoke(
            new ObjectName("com.sun.management:type=DiagnosticCommand"),
            "gcClassHistogram",
            new Object[] {new String[0]},
            new String[] {String[].class.getName()});
    var counts = new TreeMap<String, Long>();
    text.lines().map(line -> line.strip().split("\\s+")).forEach(words -> {
      if (words.length >= 4 && isOurs(words[3])) {
        counts.merge(words[3], Long.parseLong(words[1]), Long::sum);
      }
    });
    assertThat(counts).as(text).isNotEmpty();
    return counts;
  }

  /// What is remembered of callers' permissions is bounded and outlives planes. TLS objects are not told apart here: the agents and callers of
  /// this JVM have theirs too.
  private static boolean isOurs(String type) {
    return REMEMBERED.stream().noneMatch(type::startsWith)
        && WATCHED.stream().anyMatch(type::startsWith);
  }
}
