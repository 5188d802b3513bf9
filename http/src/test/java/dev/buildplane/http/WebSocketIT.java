package dev.buildplane.http;

import static dev.buildplane.http.Servers.client;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket.Listener;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class WebSocketIT {
  private static Route echo() {
    return Route.get("/ws", Policy.PUBLIC, exchange -> {
          try (var socket = exchange.acceptWebSocket("")) {
            for (var message = socket.receive(); message != null; message = socket.receive()) {
              if (message.text()) {
                socket.sendText("echo "
                    + new String(message.payload(), java.nio.charset.StandardCharsets.UTF_8));
              } else {
                socket.sendBinary(message.payload());
              }
            }
          }
        })
        .withMaxMessageBytes(1000);
  }

  private static URI uri(HttpServer server) {
    return URI.create("wss://localhost:" + server.port() + "/ws");
  }

  @Test
  void messagesPassBothWays() throws Exception {
    var events = new Events();
    try (var server = Servers.tls(echo());
        var client = client(HttpClient.Version.HTTP_2)) {
      var socket =
          client.newWebSocketBuilder().buildAsync(uri(server), events).get(60, TimeUnit.SECONDS);
      socket.sendText("one ", false).get(60, TimeUnit.SECONDS);
      socket.sendText("two", true).get(60, TimeUnit.SECONDS);
      assertThat(events.next()).isEqualTo("text echo one two");
      socket.sendPing(ByteBuffer.wrap(new byte[] {1})).get(60, TimeUnit.SECONDS);
      assertThat(events.next()).isEqualTo("pong");
      socket.sendBinary(ByteBuffer.wrap(new byte[] {1, 2, 3}), true).get(60, TimeUnit.SECONDS);
      assertThat(events.next()).isEqualTo("binary 3");
      socket.sendClose(1000, "bye").get(60, TimeUnit.SECONDS);
      assertThat(events.next()).isEqualTo("close 1000");
    }
  }

  @Test
  void aMessageBeyondTheBoundEndsWith1009() throws Exception {
    var events = new Events();
    try (var server = Servers.tls(echo());
        var client = client(HttpClient.Version.HTTP_2)) {
      var socket =
          client.newWebSocketBuilder().buildAsync(uri(server), events).get(60, TimeUnit.SECONDS);
      socket.sendText("x".repeat(600), false).get(60, TimeUnit.SECONDS);
      socket.sendText("x".repeat(600), true).get(60, TimeUnit.SECONDS);
      assertThat(events.next()).isEqualTo("close 1009");
    }
  }

  @Test
  void aPeerThatVanishesEndsTheHandler() throws Exception {
    var ended = new CountDownLatch(1);
    var route = Route.get("/ws", Policy.PUBLIC, exchange -> {
      try (var socket = exchange.acceptWebSocket("")) {
        assertThat(socket.receive()).isNull();
        ended.countDown();
      }
    });
    try (var server = Servers.tls(route);
        var client = client(HttpClient.Version.HTTP_2)) {
      var socket = client
          .newWebSocketBuilder()
          .buildAsync(uri(server), new Events())
          .get(60, TimeUnit.SECONDS);
      socket.abort();
      assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void theServerClosesWithItsCode() throws Exception {
    var route = Route.get("/ws", Policy.PUBLIC, exchange -> {
      var socket = exchange.acceptWebSocket("v4.channel.k8s.io");
      socket.close(4001, "enough");
      socket.close(1000, "ignored");
    });
    var events = new Events();
    try (var server = Servers.tls(route);
        var client = client(HttpClient.Version.HTTP_2)) {
      var socket = client
          .newWebSocketBuilder()
          .subprotocols("v4.channel.k8s.io")
          .buildAsync(uri(server), events)
          .get(60, TimeUnit.SECONDS);
      assertThat(socket.getSubprotocol()).isEqualTo("v4.channel.k8s.io");
      assertThat(events.next()).isEqualTo("close 4001");
    }
  }

  @Test
  void aRefusedHandshakeGetsAnAnswer() throws Exception {
    var route = Route.get("/ws", Policy.PUBLIC, exchange -> {
      throw new HttpProblem(403, "no");
    });
    try (var server = Servers.tls(route);
        var client = client(HttpClient.Version.HTTP_2)) {
      assertThatThrownBy(() -> client
              .newWebSocketBuilder()
              .buildAsync(uri(server), new Events())
              .get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(java.net.http.WebSocketHandshakeException.class);
    }
  }

  /// Writes down what a client saw.
  private static final class Events implements Listener {
    private final BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private final StringBuilder text = new StringBuilder();

    String next() throws InterruptedException {
      return seen.poll(60, TimeUnit.SECONDS);
    }

    @Override
    public @Nullable CompletionStage<?> onText(
        java.net.http.WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        seen.add("text " + text);
        text.setLength(0);
      }
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(
        java.net.http.WebSocket socket, ByteBuffer data, boolean last) {
      seen.add("binary " + data.remaining());
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onPong(java.net.http.WebSocket socket, ByteBuffer message) {
      seen.add("pong");
      socket.request(1);
      return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(
        java.net.http.WebSocket socket, int code, String reason) {
      seen.add("close " + code);
      return null;
    }

    @Override
    public void onError(java.net.http.WebSocket socket, Throwable error) {
      seen.add("error " + error);
    }
  }
}
