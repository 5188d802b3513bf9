package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.RequestHead;
import dev.buildplane.tracing.TraceContext;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What a caller writes into a proxied request.
class ProxyJazzerFuzz {
  private static final Set<String> MAY_PASS = Set.of(
      "accept",
      "accept-encoding",
      "cache-control",
      "connection",
      "content-encoding",
      "content-language",
      "content-length",
      "content-type",
      "host",
      "if-match",
      "if-modified-since",
      "if-none-match",
      "range",
      "sec-websocket-key",
      "sec-websocket-protocol",
      "sec-websocket-version",
      "traceparent",
      "tracestate",
      "upgrade",
      "user-agent",
      "x-request-id",
      "x-stream-protocol-version");

  /// First line: method, path and query; then header lines.
  private static RequestHead head(byte[] input) {
    var lines = new String(input, ISO_8859_1).split("\n", -1);
    var first = lines[0].split(" ", 2);
    var uri = first.length < 2 ? "" : first[1];
    int question = uri.indexOf('?');
    var fields = new ArrayList<Headers.Field>();
    for (int i = 1; i < lines.length; i++) {
      int colon = lines[i].indexOf(':');
      if (colon > 0) {
        fields.add(new Headers.Field(
            lines[i].substring(0, colon), lines[i].substring(colon + 1).strip()));
      }
    }
    return new RequestHead(
        first[0],
        ProxyTarget.PREFIX + (question < 0 ? uri : uri.substring(0, question)),
        question < 0 ? "" : uri.substring(question + 1),
        "localhost",
        new Headers(fields),
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 1),
        List.of(),
        "id",
        "HTTP/1.1");
  }

  @FuzzTest(maxDuration = "2m")
  void proxyTarget(byte[] input) {
    var head = head(input);
    try {
      var target = ProxyTarget.parse(head);
      var verb = ProxyTarget.verb(head);
      assertThat(verb).isIn("get", "create", "update", "patch", "delete");
      assertThat(target.target()).doesNotContain("/", "%");
      assertThat(target.uri()).startsWith("/");
      assertThat(head.rawPath() + (head.rawQuery().isEmpty() ? "" : "?" + head.rawQuery()))
          .contains(target.uri().substring(1));
      assertThat(StreamingCall.is(head, target)).isIn(true, false);
    } catch (HttpProblem refused) {
      assertThat(refused.status()).isIn(400, 404, 405);
    }
  }

  @FuzzTest(maxDuration = "2m")
  void headers(byte[] input) {
    var head = head(input);
    var passed = ProxyHeaders.forward(head, "k8s");

    assertThat(passed.names())
        .allSatisfy(name -> assertThat(name.toLowerCase(Locale.ROOT)).isIn(MAY_PASS));
    assertThat(passed.getAll("host")).containsExactly("k8s");
    assertThat(passed.getAll("x-request-id")).containsExactly("id");
    assertThat(passed.getAll("traceparent")).hasSizeLessThanOrEqualTo(1);
    if (passed.contains("traceparent") || passed.contains("tracestate")) {
      assertThat(TraceContext.of(passed.getAll("traceparent"), passed.getAll("tracestate")))
          .isPresent();
    }
    for (var line : head.headers().all("connection")) {
      for (var nominated : line.split(",", -1)) {
        var name = nominated.strip().toLowerCase(Locale.ROOT);
        if (Set.of("accept", "user-agent", "range", "traceparent", "content-type")
            .contains(name)) {
          assertThat(passed.contains(name)).as(name).isFalse();
        }
      }
    }
  }

  @Test
  void targetsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "proxyTarget", this::proxyTarget);
  }

  @Test
  void headersThatAreNearlyThose() {
    Corpus.nearly(getClass(), "headers", this::headers);
  }
}
