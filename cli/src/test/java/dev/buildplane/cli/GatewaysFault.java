package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An installation with three gateways: each leads to the plane, and none of them is missed when it is killed.
class GatewaysFault {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final String PROXY = "/api/proxy/buildplane/shared-builder/_cluster/default/k8s";
  private static final String CONDITIONS =
      "jsonpath={.status.conditions[?(@.type==\"Ready\")].status} "
          + "{.status.conditions[?(@.type==\"AgentConnected\")].status} "
          + "{.status.agentConnection.connectedAgents}{\"\\n\"}";

  @TempDir
  Path folder;

  private LocalInstallation installation;

  @AfterEach
  void stop() {
    installation.close();
  }

  private LocalInstallation.Outcome throughGateway(GatewayPorts gateway) {
    return installation.kubectl(
        "--context=gateway", "--server=" + gateway.callersUrl() + PROXY, "get", "namespaces");
  }

  /// What all gateways count together.
  private int connections() {
    int sum = 0;
    try (var client = HttpClient.newHttpClient()) {
      for (var gateway : installation.state().gateways()) {
        var page = client
            .send(
                HttpRequest.newBuilder(URI.create(gateway.healthUrl() + "/metrics"))
                    .build(),
                HttpResponse.BodyHandlers.ofString())
            .body();
        sum += page.lines()
            .filter(line -> line.startsWith("buildplane_gateway_agents{"))
            .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
            .sum();
      }
      return sum;
    } catch (IOException down) {
      return -1;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private void killAndAwaitReturn(int index) {
    var before = installation.state().members().get(Member.gateway(index));
    before.handle().orElseThrow().destroyForcibly();
    await().atMost(PATIENCE).until(() -> {
      var now = installation.state().members().get(Member.gateway(index));
      return !now.equals(before) && now.isAlive();
    });
    await().atMost(PATIENCE).until(() -> connections() == 2);
  }

  @Test
  void aPlaneStaysReadyWhileItsGatewaysAreKilledOneAfterTheOther() throws Exception {
    installation = new LocalInstallation(folder.resolve("data")).up("--gateways=3");
    var ready = installation.kubectl(
        "wait", "--for=condition=Ready", "clusterbuildplane/default", "--timeout=60s");
    assertThat(ready.exitCode()).as(ready.output()).isZero();
    await().atMost(PATIENCE).until(() -> connections() == 2);

    // Each is ready once it has read the planes and heard of the others.
    await().atMost(PATIENCE).untilAsserted(() -> {
      var now = installation.buildplane("status");
      assertThat(now.exitCode()).as(now.output()).isZero();
    });
    var status = installation.buildplane("status");
    assertThat(status.output()).contains("gateway-2", "gateway-3");
    for (var gateway : installation.state().gateways()) {
      var answer = throughGateway(gateway);
      assertThat(answer.exitCode()).as(answer.output()).isZero();
      assertThat(answer.output()).contains("default");
    }

    var recorded = folder.resolve("watch");
    var watch = new ProcessBuilder(
            "kubectl",
            "--kubeconfig=" + installation.data().kubeconfig(),
            "get",
            "clusterbuildplane/default",
            "--watch",
            "-o",
            CONDITIONS)
        .redirectOutput(recorded.toFile())
        .redirectErrorStream(true)
        .start();
    try {
      await().atMost(PATIENCE).until(() -> !Files.readString(recorded).isEmpty());

      killAndAwaitReturn(2);
      killAndAwaitReturn(3);

      for (var gateway : installation.state().gateways()) {
        await().atMost(PATIENCE).until(() -> throughGateway(gateway).exitCode() == 0);
      }
      assertThat(watch.isAlive()).isTrue();
    } finally {
      watch.destroy();
      watch.waitFor();
    }
    assertThat(Files.readAllLines(recorded)).as(installation.logs()).containsOnly("True True 1");
  }
}
