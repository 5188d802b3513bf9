package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A watch over WebSocket, at an API server behind gateway, tunnel and agent.
class WebSocketWatchIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path folder;

  private TestHub hub;
  private AgentChain chain;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder);
    var files = folder.resolve("agent");
    chain = AgentChain.start(
        hub,
        "watched",
        files,
        hub.gateway.agentPort(),
        hub.serverPort(),
        Optional.of(hub.ca.trust()),
        settings -> {
          asAdministrator(files);
          return settings;
        });
  }

  private void asAdministrator(Path files) {
    var user = hub.ca.issueClient("agent", List.of("system:masters"), TestHub.YEAR);
    try {
      Files.writeString(files.resolve("user.crt"), user.certificatePem());
      Files.writeString(files.resolve("user.key"), user.keyPem());
      var kubeconfig = files.resolve("kubeconfig");
      Files.writeString(
          kubeconfig,
          Files.readString(kubeconfig)
              .replace(
                  "token: the-agents-own", "client-certificate: user.crt, client-key: user.key"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterEach
  void stop() throws Exception {
    chain.close();
    hub.close();
  }

  private static final class Events implements WebSocket.Listener {
    final BlockingQueue<String> all = new LinkedBlockingQueue<>();
    private final StringBuilder message = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
      message.append(part);
      if (last) {
        all.add(message.toString());
        message.setLength(0);
      }
      socket.request(1);
      return null;
    }
  }

  private void create(String name) {
    hub.client
        .resource(new ConfigMapBuilder()
            .withNewMetadata()
            .withName(name)
            .withNamespace("default")
            .endMetadata()
            .build())
        .create();
  }

  private static String told(Events events) throws Exception {
    var event = events.all.poll(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(event).as("an event").isNotNull();
    var tree = JSON.readTree(event);
    return tree.path("type").asText() + " " + tree.at("/object/metadata/name").asText();
  }

  @Test
  void eachEventComesAsItHappens() throws Exception {
    var events = new Events();
    var url = "wss://localhost:" + hub.gateway.callerPort() + chain.path()
        + "/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name!=kube-root-ca.crt";
    try (var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      var socket = caller
          .newWebSocketBuilder()
          .buildAsync(URI.create(url), events)
          .get(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      create("first");
      assertThat(told(events)).isEqualTo("ADDED first");
      create("second");
      assertThat(told(events)).isEqualTo("ADDED second");
      hub.client.configMaps().inNamespace("default").withName("first").delete();
      assertThat(told(events)).isEqualTo("DELETED first");
      socket.abort();
    }
  }
}
