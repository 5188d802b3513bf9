package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.buildplane.model.ClientCA;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// What the log says about planes that trust nobody: each fault once, and none that there is not.
class PlaneTrustIT {
  private static final int PLANES = 25;
  private static final int MANY_PLANES = 200;
  private static final Logger LOG = (Logger) LoggerFactory.getLogger(PlaneTrust.class);

  @TempDir
  static Path directory;

  static TestHub hub;

  private final Queue<String> warnings = new ConcurrentLinkedQueue<>();
  private final AppenderBase<ILoggingEvent> appender = new AppenderBase<>() {
    @Override
    protected void append(ILoggingEvent event) {
      if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
        warnings.add(event.getFormattedMessage());
      }
    }
  };

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  @BeforeEach
  void listen() {
    appender.start();
    LOG.addAppender(appender);
  }

  @AfterEach
  void stopListening() {
    LOG.detachAppender(appender);
  }

  private static void secret(String name, String key) {
    hub.client
        .resource(new SecretBuilder()
            .withNewMetadata()
            .withName(name)
            .withNamespace("default")
            .endMetadata()
            .withStringData(Map.of(key, hub.agents.certificatePem()))
            .build())
        .create();
  }

  private static void plane(String name) {
    hub.plane(name, null, ClientCA.ofSecret("default", name, "ca.crt"));
  }

  private static Optional<PlaneTrust.Entry> entry(PlaneTrust trust, String name) {
    return trust.find(new PlaneRef(PlaneKind.CLUSTER_BUILD, null, name));
  }

  private static boolean trusts(PlaneTrust trust, String name) {
    return entry(trust, name).filter(found -> found.trust().isPresent()).isPresent();
  }

  private List<String> warningsOf(String name) {
    return warnings.stream()
        .filter(line -> line.contains("default/" + name + " "))
        .toList();
  }

  @Test
  void aStartWithSoundPlanesWarnsOfNothing() {
    var names = IntStream.range(0, PLANES).mapToObj(i -> "sound-" + i).toList();
    names.forEach(name -> {
      secret(name, "ca.crt");
      plane(name);
    });
    try (var trust = new PlaneTrust(hub.client, _ -> {})) {
      trust.start();

      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> names.stream().allMatch(name -> trusts(trust, name)));

      assertThat(warnings).filteredOn(line -> line.contains("sound-")).isEmpty();
    }
  }

  @Test
  void aSecretThatIsMissingComesAndGoesIsToldEachTime() {
    plane("fickle");
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(warningsOf("fickle")).hasSize(1));
    assertThat(warningsOf("fickle").getFirst()).contains("trusts no agent", "found none");

    secret("fickle", "ca.crt");
    hub.agent("fickle").close();
    hub.client.secrets().inNamespace("default").withName("fickle").delete();

    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(warningsOf("fickle")).hasSize(2));
  }

  @Test
  void aSecretWithoutTheKeyIsToldThoughTheSecretIsThere() {
    secret("keyless", "another");
    plane("keyless");

    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(warningsOf("keyless")).hasSize(1));
  }

  /// An informer has synced before its handlers have heard of everything.
  @Test
  void whoeverSaysThatThePlanesHaveBeenReadKnowsEachOfThem() {
    var names = IntStream.range(0, MANY_PLANES).mapToObj(i -> "read-" + i).toList();
    names.forEach(name -> hub.plane(name, null, ClientCA.ofValue(hub.agents.certificatePem())));
    try (var trust = new PlaneTrust(hub.client, _ -> {})) {
      trust.start();
      Awaitility.await()
          .pollInterval(Duration.ofMillis(1))
          .atMost(TestHub.PATIENCE)
          .until(trust::synced);
      assertThat(names).allMatch(name -> entry(trust, name).isPresent());
    }
  }
}
