package dev.buildplane.testkit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;

/// A collector of spans that speaks OTLP over HTTP in protobuf and keeps what it gets.
public final class OtlpCollector implements AutoCloseable {
  /// One span as it came.
  ///
  /// @param service the resource's `service.name`
  /// @param parentId empty for the first of a trace
  /// @param attributes numbers as text
  public record Seen(
      String service,
      String name,
      Span.SpanKind kind,
      String traceId,
      String id,
      String parentId,
      Map<String, String> attributes,
      boolean error,
      long startNanos,
      long endNanos) {
    public String attribute(String name) {
      return attributes.getOrDefault(name, "");
    }
  }

  private final HttpServer server;
  private final ConcurrentLinkedQueue<Seen> seen = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<String> authorizations = new ConcurrentLinkedQueue<>();

  private volatile CountDownLatch open = new CountDownLatch(0);

  public OtlpCollector() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/v1/traces", this::take);
    server.start();
  }

  /// What `OTEL_EXPORTER_OTLP_ENDPOINT` would be.
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /// From now on nothing is answered until [#release].
  public void hold() {
    open = new CountDownLatch(1);
  }

  public void release() {
    open.countDown();
  }

  /// All so far, in order of arrival.
  public List<Seen> spans() {
    return List.copyOf(seen);
  }

  /// Those of one trace.
  public List<Seen> trace(String traceId) {
    return seen.stream().filter(span -> span.traceId().equals(traceId)).toList();
  }

  /// Values of `authorization` of all requests.
  public List<String> authorizations() {
    return List.copyOf(authorizations);
  }

  private void take(HttpExchange exchange) throws IOException {
    try (exchange) {
      open.await();
      var authorization = exchange.getRequestHeaders().getFirst("authorization");
      if (authorization != null) {
        authorizations.add(authorization);
      }
      var request = ExportTraceServiceRequest.parseFrom(body(exchange));
      for (var resource : request.getResourceSpansList()) {
        var service =
            texts(resource.getResource().getAttributesList()).getOrDefault("service.name", "");
        resource.getScopeSpansList().stream()
            .flatMap(scope -> scope.getSpansList().stream())
            .forEach(span -> seen.add(seen(service, span)));
      }
      exchange.getResponseHeaders().add("content-type", "application/x-protobuf");
      exchange.sendResponseHeaders(200, -1);
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt(); // with the server
    }
  }

  private static InputStream body(HttpExchange exchange) throws IOException {
    var coding = exchange.getRequestHeaders().getFirst("content-encoding");
    return "gzip".equals(coding)
        ? new GZIPInputStream(exchange.getRequestBody())
        : exchange.getRequestBody();
  }

  private static Seen seen(String service, Span span) {
    var hex = HexFormat.of();
    return new Seen(
        service,
        span.getName(),
        span.getKind(),
        hex.formatHex(span.getTraceId().toByteArray()),
        hex.formatHex(span.getSpanId().toByteArray()),
        hex.formatHex(span.getParentSpanId().toByteArray()),
        texts(span.getAttributesList()),
        span.getStatus().getCode() == Status.StatusCode.STATUS_CODE_ERROR,
        span.getStartTimeUnixNano(),
        span.getEndTimeUnixNano());
  }

  private static Map<String, String> texts(List<KeyValue> attributes) {
    return attributes.stream()
        .collect(Collectors.toUnmodifiableMap(
            KeyValue::getKey,
            each -> each.getValue().hasIntValue()
                ? Long.toString(each.getValue().getIntValue())
                : each.getValue().getStringValue()));
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
