package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClientCA;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Three replicas in processes of their own; one is killed under load, one is stopped and goes on later.
@Timeout(120)
class ReplicaFault {
  private static final int CALLERS = 4;
  private static final int WRITES_BEFORE = 50;
  private static final int WRITES_AFTER = 100;

  @TempDir
  static Path directory;

  static TestHub hub;

  @TempDir
  Path folder;

  private List<ReplicaProcess> replicas = List.of();

  @BeforeAll
  static void startHub() throws Exception {
    hub = new TestHub(directory);
    hub.allowPeers();
  }

  @AfterAll
  static void stopHub() throws Exception {
    hub.close();
  }

  @BeforeEach
  void start() throws Exception {
    replicas = ReplicaProcess.start(hub, folder, 3);
  }

  @AfterEach
  void stop() throws Exception {
    for (var replica : replicas) {
      replica.close();
    }
  }

  private TestAgent agent(int replica, String plane, String instance) {
    return await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dialAs(
                instance,
                replicas.get(replica).agentPort,
                plane,
                hub.agentIdentity(),
                hub.ca.trust(),
                ReplicaProcess.tunnels()),
            java.util.Objects::nonNull);
  }

  private HttpResponse<String> call(HttpClient client, int replica, String plane, String rest)
      throws IOException, InterruptedException {
    var uri = URI.create("https://localhost:" + replicas.get(replica).callerPort
        + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + rest);
    return client.send(
        HttpRequest.newBuilder(uri)
            .POST(BodyPublishers.ofString("x".repeat(1000)))
            .build(),
        BodyHandlers.ofString());
  }

  private int status(HttpClient client, int replica, String plane) {
    try {
      return call(client, replica, plane, "/hello/probe").statusCode();
    } catch (IOException e) {
      return 0;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private boolean connected(HttpClient client, int replica, String plane) throws Exception {
    var uri = URI.create("https://localhost:" + replicas.get(replica).callerPort
        + "/api/v1/planes/buildplane/" + plane + "/status");
    return client
        .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
        .body()
        .contains("\"connected\":true");
  }

  /// Writes at one replica after the other, each until it is acknowledged.
  private final class Writer {
    final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    final Map<String, Integer> refusals = new ConcurrentHashMap<>();
    private final AtomicLong next = new AtomicLong();
    private final AtomicInteger wanted = new AtomicInteger(Integer.MAX_VALUE);

    void run(HttpClient client, String plane) {
      for (long id = next.getAndIncrement(); id < wanted.get(); id = next.getAndIncrement()) {
        write(client, plane, "/hello/" + id);
      }
    }

    private void write(HttpClient client, String plane, String path) {
      for (int attempt = 0; !acknowledged.contains(path); attempt++) {
        try {
          var answer = call(client, attempt % replicas.size(), plane, path);
          if (answer.statusCode() == 200) {
            acknowledged.add(path);
          } else {
            refusals.merge(answer.statusCode() + " " + answer.body(), 1, Integer::sum);
          }
        } catch (IOException e) {
          refusals.merge(e.getClass().getSimpleName(), 1, Integer::sum);
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }

    /// Ends after that many more.
    void endAfter(int more) {
      wanted.set(Math.toIntExact(next.get()) + more);
    }
  }

  @Test
  void theDeathOfAReplicaUnderLoadLosesNoAcknowledgedWriteAndCallersGoOnElsewhere()
      throws Exception {
    hub.plane("killed", null, ClientCA.ofValue(hub.agents.certificatePem()));
    var writer = new Writer();
    try (var first = agent(0, "killed", "i");
        var second = agent(1, "killed", "i");
        var callers = Executors.newVirtualThreadPerTaskExecutor();
        var client = hub.caller(HttpClient.Version.HTTP_2)) {
      await().atMost(TestHub.PATIENCE).until(() -> status(client, 2, "killed") == 200);
      List<Future<?>> running = IntStream.range(0, CALLERS)
          .<Future<?>>mapToObj(_ -> callers.submit(() -> writer.run(client, "killed")))
          .toList();
      await().atMost(TestHub.PATIENCE).until(() -> writer.acknowledged.size() >= WRITES_BEFORE);

      replicas.get(0).kill();
      writer.endAfter(WRITES_AFTER);
      for (var caller : running) {
        caller.get();
      }

      var arrived = Stream.of(first, second)
          .flatMap(agent -> agent.requests.stream())
          .map(io.netty.handler.codec.http.HttpRequest::uri)
          .collect(Collectors.toSet());
      assertThat(arrived).containsAll(writer.acknowledged);
      assertThat(writer.acknowledged).hasSizeGreaterThanOrEqualTo(WRITES_AFTER);
      assertThat(second.isGone()).isFalse();
      // The one that was killed is known to be gone; both others reach the agent by its second connection.
      assertThat(List.of(status(client, 1, "killed"), status(client, 2, "killed")))
          .containsOnly(200);
    }
  }

  @Test
  void aReplicaStoppedPastItsLeaseDoesNotActOnWhatItKnewBefore() throws Exception {
    hub.plane("stopped", null, ClientCA.ofValue(hub.agents.certificatePem()));
    hub.plane("moved", null, ClientCA.ofValue(hub.agents.certificatePem()));
    try (var client = hub.caller(HttpClient.Version.HTTP_1_1);
        var stale = agent(1, "stopped", "i");
        var before = agent(0, "moved", "m")) {
      await()
          .atMost(TestHub.PATIENCE)
          .until(() -> status(client, 2, "stopped") == 200 && status(client, 1, "moved") == 200);

      replicas.get(1).signal("STOP");
      // The agent leaves it by its own liveness, the others forget what it held.
      await()
          .atMost(TestHub.PATIENCE)
          .until(() -> stale.isGone()
              && !connected(client, 0, "stopped")
              && !connected(client, 2, "stopped"));
      assertThat(status(client, 2, "stopped")).isEqualTo(503);
      before.close();
      try (var fresh = agent(2, "stopped", "i");
          var after = agent(2, "moved", "m")) {
        await().atMost(TestHub.PATIENCE).until(() -> status(client, 0, "moved") == 200);
        stale.requests.clear();
        before.requests.clear();

        replicas.get(1).signal("CONT");

        var answers = ConcurrentHashMap.<Integer>newKeySet();
        for (var plane : List.of("stopped", "moved")) {
          await().atMost(TestHub.PATIENCE).until(() -> {
            int answer = status(client, 1, plane);
            answers.add(answer);
            return answer == 200;
          });
        }
        assertThat(answers).isSubsetOf(200, 502, 503);
        assertThat(stale.requests).isEmpty();
        assertThat(before.requests).isEmpty();
        assertThat(fresh.requests).isNotEmpty();
        assertThat(after.requests).isNotEmpty();
      }
    }
  }
}
