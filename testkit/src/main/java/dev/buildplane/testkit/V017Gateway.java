package dev.buildplane.testkit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/// The agents' side of a cluster gateway as OpenChoreo v0.17 has it: takes every agent with a certificate it trusts, chooses no
/// sub-protocol, sends requests and matches answers by their id. Written from the wire contract alone.
public final class V017Gateway implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PATIENCE_SECONDS = 60;

  private final SSLServerSocket listener;
  private final BlockingQueue<Connection> connections = new LinkedBlockingQueue<>();

  public V017Gateway(Identity identity, TrustBundle agents) throws IOException {
    listener = (SSLServerSocket) TestTls.context(identity, agents)
        .getServerSocketFactory()
        .createServerSocket(0, 16, InetAddress.getLoopbackAddress());
    listener.setWantClientAuth(true);
    Thread.ofVirtual().name("v0.17 gateway").start(this::accept);
  }

  public int port() {
    return listener.getLocalPort();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var socket = (SSLSocket) listener.accept();
        Thread.ofVirtual().start(() -> greet(socket));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void greet(SSLSocket socket) {
    try {
      var request = RawWebSocket.head(socket.getInputStream());
      var webSocket = RawWebSocket.server(socket, request);
      var connection = new Connection(webSocket, request);
      connections.add(connection);
      connection.run();
    } catch (IOException goneBeforeTheHandshake) {
      closeQuietly(socket);
    }
  }

  private static void closeQuietly(SSLSocket socket) {
    try {
      socket.close();
    } catch (IOException alreadyBroken) {
      // There is nobody left to tell.
    }
  }

  /// The next agent's connection.
  public Connection agent() throws InterruptedException {
    var next = connections.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("no agent connected within " + PATIENCE_SECONDS + " s");
    }
    return next;
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var connection = connections.poll(); connection != null; connection = connections.poll()) {
      connection.close();
    }
  }

  /// One agent's connection.
  public static final class Connection implements AutoCloseable {
    private final RawWebSocket socket;
    private final RawWebSocket.Head handshake;
    private final Map<String, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final BlockingQueue<byte[]> pongs = new LinkedBlockingQueue<>();
    private final CompletableFuture<Integer> closed = new CompletableFuture<>();

    Connection(RawWebSocket socket, RawWebSocket.Head handshake) {
      this.socket = socket;
      this.handshake = handshake;
    }

    private void run() {
      try {
        var message = new ByteArrayOutputStream();
        for (var frame = socket.read(); true; frame = socket.read()) {
          switch (frame.opcode()) {
            case RawWebSocket.PONG -> pongs.add(frame.payload());
            case RawWebSocket.CLOSE -> {
              closed.complete(frame.closeCode());
              socket.close();
              return;
            }
            case RawWebSocket.TEXT, RawWebSocket.CONTINUATION -> {
              message.writeBytes(frame.payload());
              if (frame.fin()) {
                answered(JSON.readTree(message.toByteArray()));
                message.reset();
              }
            }
            default -> throw new IOException("expected text, found opcode " + frame.opcode());
          }
        }
      } catch (IOException end) {
        closed.complete(1006);
      }
    }

    private void answered(JsonNode answer) {
      var future = waiting.remove(answer.path("requestID").asText());
      if (future != null) {
        future.complete(answer);
      }
    }

    public RawWebSocket.Head handshake() {
      return handshake;
    }

    /// A request document with a fresh id and no headers.
    public static ObjectNode request(String target, String method, String path) {
      return JSON.createObjectNode()
          .put("requestID", UUID.randomUUID().toString())
          .put("target", target)
          .put("method", method)
          .put("path", path);
    }

    /// Sends a request document; the answer comes when it comes.
    public CompletableFuture<JsonNode> call(ObjectNode request) throws IOException {
      var answer = new CompletableFuture<JsonNode>();
      waiting.put(request.path("requestID").asText(), answer);
      socket.text(request.toString());
      return answer;
    }

    /// The body of an answer.
    public static byte[] body(JsonNode answer) {
      return Base64.getDecoder().decode(answer.path("body").asText(""));
    }

    /// Payloads of the pongs that came.
    public BlockingQueue<byte[]> pongs() {
      return pongs;
    }

    public RawWebSocket socket() {
      return socket;
    }

    /// Completes with the close code, 1006 when the connection ended without one.
    public CompletableFuture<Integer> closed() {
      return closed;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
