package dev.buildplane.operator;

import static dev.buildplane.operator.World.brief;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClusterBuildPlane;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Certificates expire by a timer set for the known date: after a look that comes too early nothing else happens, and the
/// status turns by itself.
class CertificateExpiryIT {
  private static final Duration TOO_EARLY = Duration.ofSeconds(3);

  private World world;

  @BeforeEach
  void open(@TempDir Path folder) throws Exception {
    world = new World(folder);
  }

  @AfterEach
  void close() throws Exception {
    world.close();
  }

  private void awaitCondition(String type, String expected) {
    await()
        .atMost(Duration.ofSeconds(45))
        .untilAsserted(() -> assertThat(condition(type)).isEqualTo(expected));
  }

  private String condition(String type) {
    return brief(Optional.ofNullable(
            world.hub.resources(ClusterBuildPlane.class).withName("expiring").get())
        .flatMap(plane -> Optional.ofNullable(plane.getStatus()))
        .flatMap(status -> status.condition(type)));
  }

  /// Sets the operator's clock shortly before a moment and makes it look once.
  private void lookShortlyBefore(Instant moment) {
    world.clockAhead = Duration.between(Instant.now(), moment.minus(TOO_EARLY));
    world.hub.resources(ClusterBuildPlane.class).withName("expiring").edit(plane -> {
      plane.getMetadata().setAnnotations(Map.of("looked", moment.toString()));
      return plane;
    });
  }

  @Test
  void theWarningAndTheExpiryComeAtTheirMoment() {
    world.agentCa("expiring");
    world.clusterBuildPlane("expiring", "");
    world.gateway.connectExpiring(
        Instant.now().plus(Duration.ofDays(3650)), "c1", "expiring-id", "/expiring");
    awaitCondition("Ready", "True Ready");
    awaitCondition("CertificatesCurrent", "True Valid");
    var expiry = world.ca.certificate().getNotAfter().toInstant();

    lookShortlyBefore(expiry.minus(Duration.ofDays(30)));
    awaitCondition("CertificatesCurrent", "False ClientCAExpiresSoon");
    assertThat(condition("Ready")).isEqualTo("True Ready");

    lookShortlyBefore(expiry);
    awaitCondition("ClientCAResolved", "False Expired");
    awaitCondition("Ready", "False Expired");
  }
}
