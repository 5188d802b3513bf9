package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.ClientCA;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
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
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CALLERS = 6;

  /// Acknowledged to each caller before the death, and again after it.
  private static final int WRITES = 30;

  /// Writes in progress when the replica dies.
  private static final int HELD = 24;

  private static final List<String> PLANES = List.of("killed-0", "killed-1");
  private static final byte[] ANSWER =
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".getBytes(US_ASCII);

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

  private HttpResponse<String> post(
      HttpClient client, int replica, String plane, String rest, BodyPublisher body)
      throws IOException, InterruptedException {
    var uri = URI.create("https://localhost:" + replicas.get(replica).callerPort
        + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + rest);
    return client.send(HttpRequest.newBuilder(uri).POST(body).build(), BodyHandlers.ofString());
  }

  private int status(HttpClient client, int replica, String plane) {
    try {
      return post(client, replica, plane, "/hello/probe", BodyPublishers.noBody())
          .statusCode();
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

  /// Planes whose connections that replica itself holds, one for each.
  private List<String> heldAt(HttpClient client, int replica) throws Exception {
    var uri = URI.create("https://localhost:" + replicas.get(replica).callerPort + PlaneApi.WATCH);
    var feed = client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofLines());
    try (var lines = feed.body()) {
      return lines
          .map(ReplicaFault::json)
          .takeWhile(line -> !line.path("type").asText().equals("SYNCED"))
          .map(line -> line.path("planeID").asText())
          .sorted()
          .toList();
    }
  }

  private static JsonNode json(String line) {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  /// A real agent, which dials again where it can.
  private AgentChain redialling(String plane, CannedTarget target) throws Exception {
    var urls = replicas.stream()
        .map(one -> URI.create("wss://localhost:" + one.agentPort + "/ws"))
        .toList();
    return AgentChain.start(
        hub,
        plane,
        folder.resolve(plane),
        replicas.getFirst().agentPort,
        target.port(),
        Optional.empty(),
        settings -> settings.withServerUrls(urls).withSeekInterval(ReplicaProcess.PING));
  }

  /// One caller that writes at one replica after the other, for one plane after the other, until it is told to stop. What certainly was not done it
  /// asks again elsewhere. What may have been done it gives up: the next write has an id of its own.
  private final class Writer implements Callable<Void> {
    final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    private final String name;
    private final HttpClient client;
    private volatile boolean stopping;
    private int turn;

    Writer(String name, HttpClient client) {
      this.name = name;
      this.client = client;
    }

    @Override
    public Void call() throws InterruptedException {
      for (int id = 0; !stopping; id++) {
        var write = "/write?id=" + name + "-" + id;
        // The one without a body would be the easier to repeat.
        var body =
            id % 2 == 0 ? BodyPublishers.noBody() : BodyPublishers.ofString("x".repeat(1000));
        while (undone(PLANES.get(id % PLANES.size()), write, body) && !stopping) {
          turn++;
        }
        turn++;
      }
      return null;
    }

    private boolean undone(String plane, String write, BodyPublisher body)
        throws InterruptedException {
      try {
        int status = post(client, turn % replicas.size(), plane, write, body).statusCode();
        if (status == 200) {
          acknowledged.add(write);
        }
        return status == 503;
      } catch (ConnectException e) {
        return true;
      } catch (IOException e) {
        return false;
      }
    }
  }

  /// A write that the target has and does not answer before the death: for each plane at each replica, and so over each connection of an agent.
  private int hold(HttpClient client, int i) throws InterruptedException {
    var plane = PLANES.get(i % PLANES.size());
    int replica = i / PLANES.size() % replicas.size();
    try {
      return post(client, replica, plane, "/held?id=" + i, BodyPublishers.noBody())
          .statusCode();
    } catch (IOException e) {
      return 0; // its own gateway was the one
    }
  }

  private static List<String> arrived(CannedTarget target, String path) {
    return target.seen.stream()
        .map(CannedTarget.Seen::path)
        .filter(seen -> seen.startsWith(path))
        .toList();
  }

  @Test
  void theDeathOfAReplicaUnderLoadLosesNoWriteAndRepeatsNoneAndCallersAndAgentsGoOnElsewhere()
      throws Exception {
    try (var target = CannedTarget.plain();
        var first = redialling(PLANES.get(0), target);
        var second = redialling(PLANES.get(1), target);
        var callers = Executors.newVirtualThreadPerTaskExecutor();
        var http1 = hub.caller(HttpClient.Version.HTTP_1_1);
        var http2 = hub.caller(HttpClient.Version.HTTP_2)) {
      target.answer("/write", ANSWER);
      await()
          .atMost(TestHub.PATIENCE)
          .until(() ->
              Stream.of(first, second).allMatch(chain -> chain.agent().status().connected() == 2));
      int killed = heldAt(http2, 0).isEmpty() ? 1 : 0;
      var living = IntStream.range(0, replicas.size())
          .filter(replica -> replica != killed)
          .boxed()
          .toList();
      var writers = IntStream.range(0, CALLERS)
          .mapToObj(i -> new Writer("caller-" + i, i % 2 == 0 ? http1 : http2))
          .toList();
      var running = writers.stream().map(callers::submit).toList();
      await()
          .atMost(TestHub.PATIENCE)
          .until(() -> writers.stream().allMatch(one -> one.acknowledged.size() >= WRITES));

      var dead = new CompletableFuture<Void>();
      target.behave("/held", (connection, _) -> {
        dead.join();
        connection.getOutputStream().write(ANSWER);
      });
      var held = IntStream.range(0, HELD)
          .mapToObj(i -> callers.submit(() -> hold(http1, i)))
          .toList();
      await().atMost(TestHub.PATIENCE).until(() -> arrived(target, "/held").size() == HELD);

      replicas.get(killed).kill();
      dead.complete(null);

      for (var one : held) {
        one.get();
      }
      var before = writers.stream().map(one -> one.acknowledged.size()).toList();
      await()
          .atMost(TestHub.PATIENCE)
          .until(() -> IntStream.range(0, CALLERS)
              .allMatch(i -> writers.get(i).acknowledged.size() >= before.get(i) + WRITES));
      for (int replica : living) {
        await().atMost(TestHub.PATIENCE).until(() -> heldAt(http2, replica).equals(PLANES));
      }
      writers.forEach(one -> one.stopping = true);
      for (var one : running) {
        one.get();
      }
      assertThat(arrived(target, "/held")).hasSize(HELD);
      var arrived = arrived(target, "/write");
      assertThat(arrived).doesNotHaveDuplicates();
      assertThat(arrived)
          .containsAll(
              writers.stream().flatMap(one -> one.acknowledged.stream()).toList());
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
