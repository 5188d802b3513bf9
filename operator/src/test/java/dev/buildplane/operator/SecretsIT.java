package dev.buildplane.operator;

import static dev.buildplane.operator.World.brief;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.pki.CertificateAuthority;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// `secrets-stay-secret`: what stands in Secrets, good or bad, comes out nowhere.
class SecretsIT {
  private static final String CANARY = "kanarienvogel";

  @Test
  void nothingOfASecretShowsInStatusEventsLogsOrMetrics(@TempDir Path folder) throws Exception {
    var logs = new ListAppender<ILoggingEvent>();
    var root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    var ours = (Logger) LoggerFactory.getLogger("dev.buildplane");
    var before = ours.getLevel();
    ours.setLevel(Level.TRACE);
    logs.start();
    root.addAppender(logs);
    try (var world = new World(folder)) {
      var key = CertificateAuthority.create(CANARY, Duration.ofDays(9))
          .issueClient(CANARY, List.of(), Duration.ofDays(9))
          .keyPem();
      plane(world, "plain-text", "password: " + CANARY);
      plane(world, "private-key", key);
      plane(
          world,
          "fake-certificate",
          "-----BEGIN CERTIFICATE-----\n" + base64(CANARY) + "\n-----END CERTIFICATE-----\n");
      plane(world, "encoded", base64("token=" + CANARY));
      for (var name : List.of("plain-text", "private-key", "fake-certificate", "encoded")) {
        await()
            .atMost(Duration.ofSeconds(45))
            .untilAsserted(
                () -> assertThat(condition(world, name)).isEqualTo("False InvalidCertificate"));
      }
      var said = Serialization.asYaml(
              world.hub.resources(ClusterBuildPlane.class).list().getItems())
          + Serialization.asYaml(world.hub.v1().events().inAnyNamespace().list().getItems())
          + world.metrics.render()
          + logs.list.stream()
              .map(event -> event.getFormattedMessage() + event.getThrowableProxy())
              .collect(Collectors.joining("\n"));
      assertThat(said).contains("InvalidCertificate", "plain-text").doesNotContain(CANARY);
      assertThat(said).doesNotContain(base64(CANARY), base64("token=" + CANARY));
      assertThat(said).doesNotContain(key.lines().skip(1).findFirst().orElseThrow());
    } finally {
      root.detachAppender(logs);
      ours.setLevel(before);
    }
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void plane(World world, String name, String text) {
    world.hub("apiVersion: v1\nkind: Secret\nmetadata: {name: " + name
        + ", namespace: default}\ndata: {ca.crt: " + base64(text) + "}");
    world.clusterBuildPlane(name, "");
  }

  private static String condition(World world, String name) {
    return brief(Optional.ofNullable(
            world.hub.resources(ClusterBuildPlane.class).withName(name).get())
        .flatMap(plane -> Optional.ofNullable(plane.getStatus()))
        .flatMap(status -> status.condition("ClientCAResolved")));
  }
}
