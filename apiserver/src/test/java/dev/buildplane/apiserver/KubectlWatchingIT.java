package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.testkit.Kubectl;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What is told while it happens: watches, bookmarks, logs that grow.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class KubectlWatchingIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String END = "\0";

  private final BlockingQueue<String> written = new LinkedBlockingQueue<>();
  private Served served;
  private Kubectl kubectl;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    served = new Served(folder, (_, _, _, follow) -> Optional.of(new Growing(follow)));
    kubectl = served.kubectl(served.admin);
    try (var definition = KubectlWatchingIT.class.getResourceAsStream("/widgets.yaml")) {
      kubectl
          .runWith(new String(definition.readAllBytes(), UTF_8), "apply", "-f", "-")
          .ok();
    }
  }

  @AfterAll
  void stop() {
    served.close();
  }

  /// What the test writes, as it writes it.
  private final class Growing implements LogReader {
    private final boolean follow;

    Growing(boolean follow) {
      this.follow = follow;
    }

    @Override
    public @Nullable LogLine next() throws InterruptedException {
      if (!follow) {
        return null;
      }
      var text = written.take();
      return text.equals(END) ? null : new LogLine(Instant.now(), text);
    }

    @Override
    public void close() {
      written.add(END);
    }
  }

  private String ok(String arguments) throws IOException, InterruptedException {
    return kubectl.run(arguments.split(" ")).ok();
  }

  private static void untilShown(Kubectl.Running running, String pattern) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(running.out()).containsPattern(pattern));
  }

  @Test
  void aWatchShowsRowsAsTheyChange() throws Exception {
    kubectl
        .runWith(
            "---\n{apiVersion: example.dev/v1, kind: Widget, metadata: {name: shown}, spec: {color: red}}",
            "create",
            "-f",
            "-")
        .ok();
    try (var wide = kubectl.start("get", "wd", "-o", "wide", "-w");
        var events = kubectl.start("get", "wd", "-w", "--output-watch-events");
        var chosen = kubectl.start("get", "wd", "-w", "-l", "q=1")) {
      untilShown(wide, "NAME\\s+COLOR\\s+READY\\s+SIZE\\s+AGE\nshown\\s+red\\s+7");
      untilShown(events, "ADDED\\s+shown");
      ok("patch wd shown --type=merge -p {\"spec\":{\"size\":44}}");
      untilShown(wide, "shown\\s+red\\s+44");
      untilShown(events, "MODIFIED\\s+shown");
      ok("label wd shown q=1");
      untilShown(chosen, "shown\\s+red");
      ok("delete wd shown");
      untilShown(events, "DELETED\\s+shown");
    }
  }

  @Test
  void initialEventsEndWithABookmark() throws Exception {
    ok("create configmap first");
    var path = "/api/v1/namespaces/default/configmaps?watch=1&sendInitialEvents=true"
        + "&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1";
    var types = ok("get --raw " + path)
        .lines()
        .filter(line -> !line.isBlank())
        .map(line -> line.replaceFirst("^\\{\"type\":\"([A-Z]+)\".*", "$1")
            + (line.contains("k8s.io/initial-events-end") ? " end" : ""))
        .collect(Collectors.toList());
    assertThat(types).startsWith("ADDED", "BOOKMARK end").endsWith("BOOKMARK");
    assertThat(kubectl.run("get", "--raw", path.replace("watch=1&", "")).out())
        .contains("sendInitialEvents: Forbidden");
  }

  @Test
  void aFollowedLogIsShownWhileItGrows() throws Exception {
    ok("run p1 --image=none");
    try (var logs = kubectl.start("logs", "-f", "p1")) {
      written.add("one");
      untilShown(logs, "^one\n$");
      written.add("two");
      untilShown(logs, "^one\ntwo\n$");
      written.add(END);
      assertThat(logs.end().ok()).isEqualTo("one\ntwo\n");
    }
  }
}
