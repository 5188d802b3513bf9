package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The deadline is for the plane: what the caller takes to send does not count, what the plane does not take does.
@Timeout(180)
class AnswerDeadlineIT {
  private static final Duration DEADLINE = Duration.ofSeconds(5);
  private static final long MOST_BYTES = 256L << 20;

  @TempDir
  Path folder;

  private TestHub hub;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder.resolve("hub"), settings -> settings.withAnswerDeadline(DEADLINE));
  }

  @AfterEach
  void stop() throws Exception {
    hub.close();
  }

  private HttpRequest upload(String plane, String path, InputStream body) {
    return HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
            + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + path))
        .POST(BodyPublishers.ofInputStream(() -> body))
        .build();
  }

  /// A byte at a time until the deadline has passed.
  private static final class Slow extends InputStream {
    private final long ends = System.nanoTime() + DEADLINE.plusSeconds(1).toNanos();

    @Override
    public int read() throws IOException {
      try {
        Thread.sleep(100);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      return System.nanoTime() < ends ? 'x' : -1;
    }

    @Override
    public int read(byte[] to, int from, int length) throws IOException {
      int next = read();
      if (next >= 0) {
        to[from] = (byte) next;
      }
      return next < 0 ? -1 : 1;
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void anUploadMayTakeLonger(HttpClient.Version version) throws Exception {
    hub.plane("slow", null, ClientCA.ofValue(hub.agents.certificatePem()));
    try (var agent = hub.agent("slow");
        var caller = hub.caller(version)) {
      var answer = caller.send(upload("slow", "/hello", new Slow()), BodyHandlers.ofString());

      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      assertThat(agent.requests).hasSize(1);
    }
  }

  @Test
  void aTargetThatTakesNothingMoreMeetsIt() throws Exception {
    var over = new CountDownLatch(1);
    try (var target = CannedTarget.plain();
        var chain = AgentChain.start(
            hub,
            "deaf",
            folder.resolve("agent"),
            hub.gateway.agentPort(),
            target.port(),
            Optional.empty(),
            settings -> settings);
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      target.behave("/deaf", (_, _) -> {
        try {
          over.await();
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
      });
      var refused =
          caller.send(upload(chain.plane, "/deaf", zeros()), BodyHandlers.ofString(UTF_8));

      assertThat(refused.statusCode()).isEqualTo(504);
      assertThat(refused.body()).contains("no answer from");
    } finally {
      over.countDown();
    }
  }

  private static InputStream zeros() {
    return new InputStream() {
      private long left = MOST_BYTES;

      @Override
      public int read() {
        return left-- > 0 ? 0 : -1;
      }

      @Override
      public int read(byte[] to, int from, int length) {
        if (left <= 0) {
          return -1;
        }
        left -= length;
        return length;
      }
    };
  }
}
