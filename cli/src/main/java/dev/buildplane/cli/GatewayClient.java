package dev.buildplane.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneType;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.http.AsyncBody;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// The gateway's plane API, as a caller sees it. Refusals are [KubernetesClientException]s with the gateway's `Status`.
final class GatewayClient implements AutoCloseable {
  /// How long the gateway may take to tell its state.
  private static final Duration SNAPSHOT_WITHIN = Duration.ofSeconds(20);

  /// A line is under 4 KiB, so this is more than ten thousand agents.
  private static final int MAX_SNAPSHOT_BYTES = 64 << 20;

  private static final String PLANES = "/api/v1/planes/";
  private static final String SYNCED = "\"type\":\"SYNCED\"";

  private final KubernetesClient gateway;

  GatewayClient(KubernetesClient gateway) {
    this.gateway = gateway;
  }

  /// Base URL of the callers' listener.
  String address() {
    return gateway.getConfiguration().getMasterUrl();
  }

  /// Asks the gateway to drop the connections of all agents of a planeID, which dial again at once.
  ///
  /// @return how many there were
  int reconnect(PlaneType type, String planeId) {
    var answer = gateway.raw(PLANES + type.wire() + "/" + planeId + "/reconnect", "POST", null);
    return parse(answer).path("disconnectedAgents").asInt();
  }

  /// Who is connected now, and who was turned away lately, at any replica of the gateway.
  GatewaySnapshot snapshot() {
    var address = address().replaceAll("/+$", "") + PLANES + "watch?replicas=all";
    var read = new Snapshot();
    try {
      var http = gateway.getHttpClient();
      var response = http.consumeBytes(http.newHttpRequestBuilder().uri(address).build(), read)
          .get(SNAPSHOT_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
      read.start(response.body());
      try {
        var text = read.done.get(SNAPSHOT_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        if (!response.isSuccessful()) {
          throw new KubernetesClientException(message(text), response.code(), null);
        }
        return GatewaySnapshot.parse(text.lines().map(GatewayClient::parse).toList());
      } finally {
        response.body().cancel();
      }
    } catch (ExecutionException failed) {
      throw KubernetesClientException.launderThrowable(failed.getCause());
    } catch (TimeoutException late) {
      throw new KubernetesClientException(
          "the gateway at %s did not tell its state within %d s"
              .formatted(address(), SNAPSHOT_WITHIN.toSeconds()),
          late);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new KubernetesClientException("interrupted", interrupted);
    }
  }

  /// Takes the stream's bytes up to the end of the snapshot, or of the answer.
  private static final class Snapshot implements AsyncBody.Consumer<List<ByteBuffer>> {
    /// One character a byte, so that a split character is no matter.
    private final StringBuilder bytes = new StringBuilder();

    private int searched;
    final CompletableFuture<String> done = new CompletableFuture<>();

    @Override
    public void consume(List<ByteBuffer> buffers, AsyncBody body) {
      buffers.forEach(buffer -> bytes.append(ISO_8859_1.decode(buffer)));
      var synced = bytes.indexOf(SYNCED, searched);
      var end = synced < 0 ? -1 : bytes.indexOf("\n", synced);
      searched = synced < 0 ? Math.max(0, bytes.length() - SYNCED.length()) : synced;
      if (end >= 0) {
        bytes.setLength(end);
        done.complete(text());
      } else if (bytes.length() > MAX_SNAPSHOT_BYTES) {
        done.completeExceptionally(new KubernetesClientException(
            "expected a snapshot of at most " + MAX_SNAPSHOT_BYTES + " bytes, found more"));
      } else {
        body.consume();
      }
    }

    private String text() {
      return new String(bytes.toString().getBytes(ISO_8859_1), UTF_8);
    }

    /// Also takes the end of an answer that is no stream.
    void start(AsyncBody body) {
      body.done().whenComplete((_, _) -> done.complete(text()));
      body.consume();
    }
  }

  private static String message(String body) {
    var message = body.startsWith("{") ? parse(body).path("message").asText("") : "";
    return message.isEmpty() ? body.strip() : message;
  }

  private static JsonNode parse(String json) {
    try {
      return Resources.JSON.readTree(json);
    } catch (JsonProcessingException notJson) {
      throw new KubernetesClientException(
          "expected JSON of the gateway, found: " + notJson.getOriginalMessage(), notJson);
    }
  }

  @Override
  public void close() {
    gateway.close();
  }
}
