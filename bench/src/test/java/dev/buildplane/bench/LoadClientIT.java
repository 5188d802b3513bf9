package dev.buildplane.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.CertificateAuthority;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoadClientIT {
  private static final Duration YEAR = Duration.ofDays(365);
  private static final int BLOCK_BYTES = 64 * 1024;
  private static final long UPLOAD_BYTES = 64L << 20;

  private final CertificateAuthority ca = CertificateAuthority.create("bench", YEAR);

  /// Answers with how many bytes the body had.
  private static final class Counter implements AsyncExchange.BodyReader {
    private final AsyncExchange exchange;
    private long bytes;

    Counter(AsyncExchange exchange) {
      this.exchange = exchange;
    }

    @Override
    public void onContent(ByteBuf piece) {
      bytes += piece.readableBytes();
      piece.release();
      exchange.eventLoop().execute(exchange::demand);
    }

    @Override
    public void onEnd(Headers trailers) {
      exchange.respond(200, Headers.EMPTY, Long.toString(bytes).getBytes(US_ASCII));
    }

    @Override
    public void onFailure(HttpProblem problem) {
      exchange.fail(problem);
    }
  }

  private HttpServer sink() throws Exception {
    var identity = ca.issueServer("localhost", List.of("localhost"), YEAR);
    var sink = Route.async(Set.of("POST"), "/sink", Policy.PUBLIC, exchange -> {
          exchange.receive(new Counter(exchange));
          exchange.demand();
        })
        .withMaxBodyBytes(Route.UNLIMITED);
    return HttpServer.start(
        HttpServerSettings.tls(
            "sink",
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            TlsIdentity.of(identity)),
        Router.builder().route(sink).build());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anUploadIsSentToItsEnd(boolean http2) throws Exception {
    try (var server = sink();
        var client = new LoadClient(
            new Endpoint("localhost", server.port(), "", http2, ca.trust(), Optional.empty()))) {
      var request = Request.upload("/sink", new byte[BLOCK_BYTES], UPLOAD_BYTES / BLOCK_BYTES);
      for (int i = 0; i < 3; i++) {
        assertThat(client.once(request)).asString(US_ASCII).isEqualTo(Long.toString(UPLOAD_BYTES));
      }
    }
  }
}
