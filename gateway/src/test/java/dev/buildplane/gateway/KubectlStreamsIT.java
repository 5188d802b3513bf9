package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.Kubectl;
import dev.buildplane.testkit.PodServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The real `kubectl` against a pod behind gateway, tunnel and agent.
class KubectlStreamsIT {
  /// What `kubectl` leaves HTTP for.
  enum Transport {
    WEBSOCKET,
    SPDY;

    Map<String, String> environment() {
      var webSocket = String.valueOf(this == WEBSOCKET);
      return Map.of(
          "KUBECTL_REMOTE_COMMAND_WEBSOCKETS", webSocket,
          "KUBECTL_PORT_FORWARD_WEBSOCKETS", webSocket);
    }

    String upgrade() {
      return this == WEBSOCKET ? "websocket" : "SPDY/3.1";
    }
  }

  private static final Pattern FORWARDING = Pattern.compile("127\\.0\\.0\\.1:(\\d+) ->");

  @TempDir
  static Path folder;

  static TestHub hub;
  static PodServer pod;
  static AgentChain chain;
  static Kubectl kubectl;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
    pod = PodServer.start(
        hub.ca.issueServer("localhost", List.of("localhost"), TestHub.YEAR),
        folder,
        List.of(
            "sh", "-c", "echo ready; while read -r line; do echo \"heard $line\"; done; exit 7"));
    chain = AgentChain.start(hub, "pods", folder.resolve("agent"), pod.port(), hub.ca.trust());
    kubectl = Kubectl.against(
        folder,
        hub.gateway.callerPort(),
        chain.path(),
        hub.ca.certificatePem(),
        hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR));
  }

  @AfterAll
  static void stop() throws Exception {
    chain.close();
    pod.close();
    hub.close();
  }

  private static Kubectl.Result run(Transport transport, String input, String... arguments)
      throws Exception {
    pod.requests().clear();
    try (var running = kubectl.start(transport.environment(), input, arguments)) {
      return running.end();
    }
  }

  private static void upgraded(Transport transport, String subresource) {
    assertThat(pod.requests())
        .as("what kubectl asked the target for")
        .anyMatch(line ->
            line.contains("/pods/workbench/" + subresource) && line.endsWith(transport.upgrade()))
        .noneMatch(line ->
            line.contains("/pods/workbench/" + subresource) && !line.endsWith(transport.upgrade()));
  }

  @ParameterizedTest
  @EnumSource
  void execCarriesOutputAndExitCode(Transport transport) throws Exception {
    var result =
        run(transport, "", "exec", "workbench", "--", "sh", "-c", "echo out; echo err >&2; exit 3");

    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.out()).contains("out\n", "err\n", "exit code 3");
    upgraded(transport, "exec");
  }

  /// As client libraries before Kubernetes 1.31 do, and those that end no input.
  @Test
  void execSpeaksTheFourthVersionWithWhoKnowsNoLaterOne() throws Exception {
    var came = new Channels();
    try (var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      var uri = URI.create("wss://localhost:" + hub.gateway.callerPort() + chain.path()
          + "/api/v1/namespaces/default/pods/workbench/exec?stdout=true&stderr=true"
          + "&command=sh&command=-c&command=echo%20out%3B%20echo%20err%20%3E%262%3B%20exit%203");
      var socket = caller
          .newWebSocketBuilder()
          .subprotocols("v4.channel.k8s.io")
          .buildAsync(uri, came)
          .get(60, TimeUnit.SECONDS);
      assertThat(socket.getSubprotocol()).isEqualTo("v4.channel.k8s.io");
      came.ended.get(60, TimeUnit.SECONDS);
    }
    assertThat(came.of(1)).isEqualTo("out\n");
    assertThat(came.of(2)).isEqualTo("err\n");
    assertThat(came.of(3)).contains("\"reason\":\"NonZeroExitCode\"", "\"message\":\"3\"");
  }

  /// What each channel of a remote command has said.
  private static final class Channels implements WebSocket.Listener {
    final CompletableFuture<Integer> ended = new CompletableFuture<>();
    private final Map<Integer, ByteArrayOutputStream> said = new ConcurrentHashMap<>();
    private final ByteArrayOutputStream message = new ByteArrayOutputStream();

    String of(int channel) {
      return said.getOrDefault(channel, new ByteArrayOutputStream())
          .toString(StandardCharsets.UTF_8);
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      while (data.hasRemaining()) {
        message.write(data.get());
      }
      if (last) {
        var whole = message.toByteArray();
        message.reset();
        said.computeIfAbsent((int) whole[0], _ -> new ByteArrayOutputStream())
            .write(whole, 1, whole.length - 1);
      }
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      ended.complete(code);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      ended.completeExceptionally(error);
    }
  }

  @ParameterizedTest
  @EnumSource
  void execCarriesInputToItsEnd(Transport transport) throws Exception {
    var lines = "a line that is to be counted\n".repeat(20_000);

    assertThat(run(transport, lines, "exec", "-i", "workbench", "--", "wc", "-c")
            .ok()
            .strip())
        .isEqualTo(String.valueOf(lines.length()));
  }

  @ParameterizedTest
  @EnumSource
  void copiesBothWays(Transport transport) throws Exception {
    var payload = new byte[3_000_000];
    new Random(7).nextBytes(payload);
    var near = folder.resolve("near-" + transport);
    var far = folder.resolve("far-" + transport);
    var back = folder.resolve("back-" + transport);
    Files.write(near, payload);

    run(transport, "", "cp", near.toString(), "workbench:" + far).ok();
    assertThat(Arrays.equals(Files.readAllBytes(far), payload)).isTrue();
    upgraded(transport, "exec");

    run(transport, "", "cp", "workbench:" + far, back.toString()).ok();
    assertThat(Arrays.equals(Files.readAllBytes(back), payload)).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void portForwardReachesARealPort(Transport transport) throws Exception {
    try (var echo = new Echo();
        var forwarding = kubectl.start(
            transport.environment(), "", "port-forward", "pod/workbench", ":" + echo.port())) {
      pod.requests().clear();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> FORWARDING.matcher(forwarding.out()).find());
      var found = FORWARDING.matcher(forwarding.out());
      assertThat(found.find()).isTrue();
      int port = Integer.parseInt(found.group(1));
      for (int connection = 0; connection < 3; connection++) {
        assertThat(echoed(port, 500_000)).isTrue();
      }
      assertThat(pod.openConnections()).isPositive();
    }
  }

  /// Sends that many bytes, and whether they came back.
  private static boolean echoed(int port, int bytes) throws Exception {
    var payload = new byte[bytes];
    new Random(bytes).nextBytes(payload);
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(60_000);
      var sending = Thread.ofVirtual().start(() -> {
        try {
          socket.getOutputStream().write(payload);
        } catch (IOException broken) {
          throw new java.io.UncheckedIOException(broken);
        }
      });
      var came = socket.getInputStream().readNBytes(bytes);
      sending.join();
      return Arrays.equals(came, payload);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whoLeavesAnExecEndsItsProcess(Transport transport) throws Exception {
    var mark = folder.resolve("pid-" + transport);
    try (var endless = kubectl.start(
        transport.environment(),
        "",
        "exec",
        "workbench",
        "--",
        "sh",
        "-c",
        "echo $$ > " + mark + "; exec sleep 600")) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> Files.exists(mark) && !Files.readString(mark).isBlank());
      var process = ProcessHandle.of(Long.parseLong(Files.readString(mark).strip()));
      assertThat(process).isPresent();

      endless.close();

      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !process.get().isAlive());
    }
  }

  @Test
  void logsFollowAndAttachJoinsTheSameProcess() throws Exception {
    try (var following = kubectl.start("logs", "-f", "workbench")) {
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> following.out().contains("ready"));
      for (var transport : Transport.values()) {
        var line = "hello over " + transport;
        try (var attached =
            kubectl.start(transport.environment(), line + "\n", "attach", "-i", "workbench")) {
          // Standard input has ended, the process goes on: attach goes on showing it.
          Awaitility.await()
              .atMost(TestHub.PATIENCE)
              .until(() -> attached.out().contains("heard " + line));
        }
        Awaitility.await()
            .atMost(TestHub.PATIENCE)
            .until(() -> following.out().contains("heard " + line));
      }
    }
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> pod.followers() == 0);
  }

  /// Sends back what it gets until the caller ends.
  private static final class Echo implements AutoCloseable {
    private final ServerSocket listener;

    Echo() throws IOException {
      listener = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
      Thread.ofVirtual().start(this::serve);
    }

    int port() {
      return listener.getLocalPort();
    }

    private void serve() {
      while (!listener.isClosed()) {
        try {
          var caller = listener.accept();
          Thread.ofVirtual().start(() -> {
            try (caller) {
              caller.getInputStream().transferTo(caller.getOutputStream());
            } catch (IOException gone) {
              Thread.currentThread().interrupt(); // the caller left in the middle
            }
          });
        } catch (IOException closed) {
          return;
        }
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }
}
