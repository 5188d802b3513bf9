package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.pki.CertificateAuthority;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Trust changes while connections are open: what stays trusted does not lose a request, what is revoked goes silent, and
/// other resources on the same agent notice nothing. `revoked-means-silent`.
class TrustIT {
  @TempDir
  static Path directory;

  static TestHub hub;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  private static URI proxied(String plane, String planeID, String rest) {
    return URI.create("https://localhost:" + hub.gateway.callerPort() + "/api/proxy/buildplane/"
        + planeID + "/_cluster/" + plane + "/k8s" + rest);
  }

  private static int status(HttpClient client, String plane, String planeID) throws Exception {
    return client
        .send(
            HttpRequest.newBuilder(proxied(plane, planeID, "/hello")).build(),
            BodyHandlers.ofString())
        .statusCode();
  }

  private static InputStream watch(HttpClient client, String plane, String planeID)
      throws Exception {
    var body = client
        .send(
            HttpRequest.newBuilder(proxied(plane, planeID, "/watch")).build(),
            BodyHandlers.ofInputStream())
        .body();
    assertThat(body.readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
    return body;
  }

  private static String bundle(CertificateAuthority... authorities) {
    var text = new StringBuilder();
    for (var authority : authorities) {
      text.append(authority.certificatePem());
    }
    return text.toString();
  }

  private static CertificateAuthority authority(String name) {
    return CertificateAuthority.create(name, TestHub.YEAR);
  }

  private static ClusterBuildPlane current(String name) {
    return hub.client.resources(ClusterBuildPlane.class).withName(name).get();
  }

  /// A tenant that asks without a pause; every answer but 200 is a failure.
  private static final class Canary implements AutoCloseable {
    final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
    final AtomicInteger answers = new AtomicInteger();
    private final CountDownLatch stop = new CountDownLatch(1);
    private final HttpClient client;
    private final Thread thread;

    Canary(String plane, String planeID) throws Exception {
      client = hub.caller(HttpClient.Version.HTTP_2);
      thread = Thread.ofVirtual().start(() -> ask(plane, planeID));
      awaitMore();
    }

    private void ask(String plane, String planeID) {
      while (stop.getCount() > 0) {
        try {
          int status = status(client, plane, planeID);
          if (status == 200) {
            answers.incrementAndGet();
          } else {
            failures.add("status " + status);
          }
        } catch (Exception e) {
          failures.add(e.toString());
        }
      }
    }

    /// Waits for ten more answers, so that what happened before is behind them.
    void awaitMore() {
      int seen = answers.get();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> answers.get() >= seen + 10 || !failures.isEmpty());
      assertThat(failures).isEmpty();
    }

    @Override
    public void close() throws Exception {
      stop.countDown();
      thread.join(TestHub.PATIENCE);
      client.close();
      assertThat(failures).isEmpty();
    }
  }

  @Test
  void aCAIsRotatedWithOverlapUnderLoadWithoutALostRequest() throws Exception {
    var old = authority("old");
    var next = authority("next");
    hub.client.resource(secret("rotated", old.certificatePem())).create();
    hub.plane("rotated", null, ClientCA.ofSecret("default", "rotated", "ca.crt"));
    var before = hub.agent("rotated", old.issueClient("agent", List.of(), TestHub.YEAR));
    try (var canary = new Canary("rotated", "rotated");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var kept = watch(caller, "rotated", "rotated");
      hub.client.resource(secret("rotated", bundle(old, next))).update();
      canary.awaitMore();
      try (var after = hub.agent("rotated", next.issueClient("agent", List.of(), TestHub.YEAR))) {
        canary.awaitMore();
        // As an agent does that moves to a new certificate: the old connection takes no more calls and ends with its last one.
        kept.close();
        before.tunnel().drain();
        canary.awaitMore();
        before.close();
        canary.awaitMore();
        hub.client.resource(secret("rotated", next.certificatePem())).update();
        canary.awaitMore();
        assertThat(after.isGone()).isFalse();
        canary.close(); // before the agent it talks to goes
      }
    }
  }

  private static io.fabric8.kubernetes.api.model.Secret secret(String name, String pem) {
    return new SecretBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace("default")
        .endMetadata()
        .withStringData(Map.of("ca.crt", pem))
        .build();
  }

  @Test
  void whatIsRevokedGoesSilentAndItsNeighboursOnTheSameAgentNoticeNothing() throws Exception {
    hub.plane("victim", "shared", ClientCA.ofValue(hub.agents.certificatePem()));
    hub.plane("neighbour", "shared", ClientCA.ofValue(hub.agents.certificatePem()));
    try (var agent = hub.agent("shared");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      for (var change : List.<Runnable>of(
          () -> hub.replaceCA(
              current("victim"), ClientCA.ofValue(authority("foreign").certificatePem())),
          () -> hub.client.resource(current("victim")).edit(plane -> {
            plane.setSpec(PlaneSpec.of("elsewhere", ClientCA.ofValue(hub.agents.certificatePem())));
            return plane;
          }),
          () -> hub.client.resource(current("victim")).delete())) {
        Awaitility.await()
            .atMost(TestHub.PATIENCE)
            .until(() -> status(caller, "victim", "shared") == 200
                && status(caller, "neighbour", "shared") == 200);
        try (var canary = new Canary("neighbour", "shared");
            var pipe = exec("victim", "shared")) {
          var kept = watch(caller, "neighbour", "shared");
          var revoked = watch(caller, "victim", "shared");

          change.run();

          assertThatThrownBy(revoked::readAllBytes).isInstanceOf(IOException.class);
          assertThat(pipe.in().read()).as("the pipe is closed").isNegative();
          assertThat(status(caller, "victim", "shared")).isIn(400, 403, 404);
          canary.awaitMore();
          assertThat(agent.isGone()).isFalse();
          kept.close();
        }
        restore("victim", "shared");
      }
    }
  }

  /// The bound of `revoked-means-silent`, from the acknowledged change of a resource to the last byte.
  private static final Duration REVOKED_SILENT_WITHIN = Duration.ofSeconds(5);

  /// How long this process has run. It counts its own turns, so that a machine that stands still, or gives this process no
  /// turn, makes nothing look late.
  private static final class Running implements AutoCloseable {
    private static final Duration TURN = Duration.ofMillis(10);

    private final AtomicInteger turns = new AtomicInteger();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();

    Running() {
      clock.scheduleWithFixedDelay(
          turns::incrementAndGet, TURN.toMillis(), TURN.toMillis(), TimeUnit.MILLISECONDS);
    }

    Duration now() {
      return TURN.multipliedBy(turns.get());
    }

    @Override
    public void close() {
      clock.shutdownNow();
    }
  }

  /// What has come of a stream without end, and when the last of it came.
  private static final class Heard {
    private final StringBuffer text = new StringBuffer();
    private final Running running;
    private final Thread reader;
    private volatile Duration last = Duration.ZERO;

    Heard(InputStream stream, Running running) {
      this.running = running;
      reader = Thread.ofVirtual().start(() -> readAll(stream));
      awaitMore();
    }

    private void readAll(InputStream stream) {
      var piece = new byte[4096];
      try (stream) {
        for (int count = stream.read(piece); count >= 0; count = stream.read(piece)) {
          last = running.now();
          text.append(new String(piece, 0, count, UTF_8));
        }
        text.append("a clean end, as if that were all");
      } catch (IOException cut) {
        text.append("cut");
      }
    }

    void awaitMore() {
      int seen = text.length();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> text.length() > seen);
    }

    /// All of it, once the stream has ended.
    String whole() throws InterruptedException {
      assertThat(reader.join(TestHub.PATIENCE)).as("the stream has ended").isTrue();
      return text.toString();
    }
  }

  /// The events of agent connections, behind the snapshot.
  private static BufferedReader events(HttpClient caller) throws Exception {
    var body = caller
        .send(
            HttpRequest.newBuilder(URI.create(
                    "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/watch"))
                .build(),
            BodyHandlers.ofInputStream())
        .body();
    var lines = new BufferedReader(new InputStreamReader(body, UTF_8));
    awaitLine(lines, "\"type\":\"SYNCED\"");
    return lines;
  }

  private static void awaitLine(BufferedReader lines, String... words) throws IOException {
    var wanted = List.of(words);
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      if (wanted.stream().allMatch(line::contains)) {
        return;
      }
    }
    throw new AssertionError("the events ended before " + wanted);
  }

  /// What the target says, and what the caller says, once the revocation has been announced, arrives nowhere; and it is announced
  /// in time.
  @Test
  void noByteFlowsAfterARevocationWasAnnounced() throws Exception {
    hub.plane("loud", "loud", ClientCA.ofValue(hub.agents.certificatePem()));
    hub.plane("loud-too", "loud", ClientCA.ofValue(hub.agents.certificatePem()));
    try (var running = new Running();
        var agent = hub.agent("loud");
        var caller = hub.caller(HttpClient.Version.HTTP_2);
        var follower = hub.caller(HttpClient.Version.HTTP_1_1)) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> status(caller, "loud", "loud") == 200);
      try (var pipe = exec("loud", "loud");
          var events = events(follower)) {
        var stream = caller
            .send(
                HttpRequest.newBuilder(proxied("loud", "loud", "/ticker")).build(),
                BodyHandlers.ofInputStream())
            .body();
        var heard = new Heard(stream, running);

        hub.replaceCA(current("loud"), ClientCA.ofValue(authority("foreign").certificatePem()));
        var acknowledged = running.now();
        awaitLine(events, "\"type\":\"CONNECTION\"", "\"authorized\":[\"/loud-too\"]");
        agent.tick = "AFTER\n";
        sayAfter(pipe);

        assertThat(heard.whole()).doesNotContain("AFTER").endsWith("cut");
        assertThat(heard.last.minus(acknowledged))
            .as("revoked-means-silent")
            .isLessThanOrEqualTo(REVOKED_SILENT_WITHIN);
        assertThat(status(caller, "loud-too", "loud"))
            .as("the agent still answers")
            .isEqualTo(200);
        assertThat(agent.heard.toString()).contains("ping").doesNotContain("AFTER");
      }
    }
  }

  /// The gateway may have closed the connection already.
  private static void sayAfter(CallerSocket pipe) {
    try {
      pipe.send("AFTER");
    } catch (IOException closed) {
      assertThat(closed).hasMessageMatching("(?i).*(closed|reset|broken pipe|shutdown).*");
    }
  }

  private static void restore(String name, String planeID) {
    var trusted = PlaneSpec.of(planeID, ClientCA.ofValue(hub.agents.certificatePem()));
    var plane = current(name);
    if (plane == null) {
      hub.plane(name, planeID, ClientCA.ofValue(hub.agents.certificatePem()));
    } else {
      plane.setSpec(trusted);
      hub.client.resource(plane).update();
    }
  }

  /// An upgraded stream that has carried bytes both ways.
  private static CallerSocket exec(String plane, String planeID) throws Exception {
    var pipe = CallerSocket.open(hub, hub.gateway.callerPort());
    assertThat(pipe.upgrade(proxied(plane, planeID, "/exec"))).startsWith("HTTP/1.1 101 ");
    pipe.send("ping");
    assertThat(pipe.text(4)).isEqualTo("ping");
    return pipe;
  }

  @Test
  void anExpiredCertificateEndsItsSessionAndNoOther() throws Exception {
    hub.plane("mortal", "mortal", ClientCA.ofValue(hub.agents.certificatePem()));
    try (var immortal = hub.agent("mortal");
        var caller = hub.caller(HttpClient.Version.HTTP_2);
        var canary = new Canary("mortal", "mortal")) {
      var mortal =
          hub.agent("mortal", hub.agents.issueClient("agent", List.of(), Duration.ofSeconds(10)));
      Awaitility.await().atMost(TestHub.PATIENCE).until(mortal::isGone);
      assertThat(mortal.tunnel().closed().toCompletableFuture().get(1, TimeUnit.SECONDS))
          .asString()
          .isNotBlank();
      assertThat(immortal.isGone()).isFalse();
      assertThat(status(caller, "mortal", "mortal")).isEqualTo(200);
      assertThat(canary.answers.get()).isPositive();
    }
  }

  @Test
  void aCAThatExpiresTakesItsAgentsAlongWhileTheRestOfTheBundleStays() throws Exception {
    var shortLived = CertificateAuthority.create("short", Duration.ofSeconds(12));
    hub.plane("bundle", "bundle", ClientCA.ofValue(bundle(shortLived, hub.agents)));
    try (var caller = hub.caller(HttpClient.Version.HTTP_2);
        var stays = hub.agent("bundle")) {
      var goes = hub.agent("bundle", shortLived.issueClient("agent", List.of(), TestHub.YEAR));
      Awaitility.await().atMost(TestHub.PATIENCE).until(goes::isGone);
      assertThat(stays.isGone()).isFalse();
      assertThat(status(caller, "bundle", "bundle")).isEqualTo(200);
    }
  }

  @Test
  void aNameThatIsNoPlaneIDTrustsNobody() {
    hub.plane("not.an.id", null, ClientCA.ofValue(hub.agents.certificatePem()));
    hub.plane("witness-of-id", null, ClientCA.ofValue(hub.agents.certificatePem()));
    hub.agent("witness-of-id").close();
    assertThatThrownBy(() -> TestAgent.dial(
            hub.gateway.agentPort(),
            "buildplane",
            "not.an.id",
            hub.agentIdentity(),
            hub.ca.trust()))
        .hasMessageContaining("401");
  }
}
