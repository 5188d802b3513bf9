package dev.buildplane.testkit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;

/// A cluster agent as OpenChoreo v0.17 has it: no sub-protocol, a JSON document per text message, each request served by a thread of its
/// own, pings answered, nothing else. Written from the wire contract alone. What it must not do, a test does through [#socket].
public final class V017Agent implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /// A target's answer, or the agent's own failure when `error` is not empty.
  public record Answer(int status, Map<String, String> headers, byte[] body, String error) {
    public static Answer ok(byte[] body) {
      return new Answer(200, Map.of("Content-Type", "application/octet-stream"), body, "");
    }

    public static Answer failure(int status, String message) {
      return new Answer(status, Map.of(), new byte[0], message);
    }
  }

  private final RawWebSocket socket;
  private final Function<JsonNode, Optional<Answer>> targets;
  private final BlockingQueue<JsonNode> requests = new LinkedBlockingQueue<>();
  private final CompletableFuture<Integer> closed = new CompletableFuture<>();
  private volatile boolean answersPings = true;

  private V017Agent(RawWebSocket socket, Function<JsonNode, Optional<Answer>> targets) {
    this.socket = socket;
    this.targets = targets;
    Thread.ofVirtual().name("v0.17 agent").start(this::run);
  }

  /// Connects and serves.
  ///
  /// @param targets answers a request; without an answer none is sent
  /// @throws IOException when the gateway refuses; the message begins with its status line
  public static V017Agent dial(
      int port,
      String planeType,
      String planeID,
      Identity identity,
      TrustBundle gateway,
      Function<JsonNode, Optional<Answer>> targets)
      throws IOException {
    var socket =
        TestTls.context(identity, gateway).getSocketFactory().createSocket("localhost", port);
    var webSocket =
        RawWebSocket.client(socket, "/ws?planeType=" + planeType + "&planeID=" + planeID);
    return new V017Agent(webSocket, targets);
  }

  private void run() {
    try {
      var message = new ByteArrayOutputStream();
      for (var frame = socket.read(); true; frame = socket.read()) {
        switch (frame.opcode()) {
          case RawWebSocket.PING -> {
            if (answersPings) {
              socket.frame(true, RawWebSocket.PONG, frame.payload());
            }
          }
          case RawWebSocket.CLOSE -> {
            closed.complete(frame.closeCode());
            socket.close();
            return;
          }
          case RawWebSocket.TEXT, RawWebSocket.CONTINUATION -> {
            message.writeBytes(frame.payload());
            if (frame.fin()) {
              var request = JSON.readTree(message.toByteArray());
              message.reset();
              requests.add(request);
              Thread.ofVirtual().start(() -> serve(request));
            }
          }
          default -> throw new IOException("expected text, found opcode " + frame.opcode());
        }
      }
    } catch (IOException end) {
      closed.complete(1006);
    }
  }

  private void serve(JsonNode request) {
    var answer = targets.apply(request);
    try {
      if (answer.isPresent()) {
        answer(request.path("requestID").asText(), answer.get());
      }
    } catch (IOException gone) {
      closed.complete(1006);
    }
  }

  /// Sends an answer to whatever id.
  public void answer(String requestID, Answer answer) throws IOException {
    socket.text(document(requestID, answer).toString());
  }

  /// The JSON document of an answer.
  public static ObjectNode document(String requestID, Answer answer) {
    var json =
        JSON.createObjectNode().put("requestID", requestID).put("statusCode", answer.status());
    if (!answer.headers().isEmpty()) {
      var headers = json.putObject("headers");
      answer.headers().forEach((name, value) -> headers.putArray(name).add(value));
    }
    if (answer.body().length > 0) {
      json.put("body", Base64.getEncoder().encodeToString(answer.body()));
    }
    if (!answer.error().isEmpty()) {
      json.putObject("error").put("code", answer.status()).put("message", answer.error());
    }
    return json;
  }

  /// Requests in the order they came.
  public BlockingQueue<JsonNode> requests() {
    return requests;
  }

  /// The body of a request.
  public static byte[] body(JsonNode request) {
    return Base64.getDecoder().decode(request.path("body").asText(""));
  }

  /// From now on pings are ignored.
  public void ignorePings() {
    answersPings = false;
  }

  public RawWebSocket socket() {
    return socket;
  }

  /// Completes with the close code, 1006 when the connection ended without one.
  public CompletableFuture<Integer> closed() {
    return closed;
  }

  public boolean isGone() {
    return closed.isDone();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
