package dev.buildplane.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ObjectStoreFault {
  private static final int ACKNOWLEDGED_BEFORE_THE_KILL = 300;

  @TempDir
  Path folder;

  /// Writes from four threads and says so, until it is killed.
  public static final class Child {
    public static void main(String[] arguments) {
      var store = ObjectStore.open(StoreSettings.at(Path.of(arguments[0])));
      for (var i = 0; i < 4; i++) {
        var writer = i;
        Thread.ofPlatform().start(() -> {
          for (var n = 0; ; n++) {
            var key = "/" + writer + "/" + n;
            var revision = store.create(key, key.getBytes(UTF_8));
            synchronized (System.out) {
              System.out.println(key + " " + revision);
              System.out.flush();
            }
          }
        });
      }
    }
  }

  @Test
  void whatWasAcknowledgedBeforeAKillIsThereAfterIt() throws IOException, InterruptedException {
    var file = folder.resolve("s.db");
    var child = start(file);
    var acknowledged = new ArrayList<String>();
    try (var output = new BufferedReader(new InputStreamReader(child.getInputStream(), UTF_8))) {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        acknowledged.add(line);
        if (acknowledged.size() == ACKNOWLEDGED_BEFORE_THE_KILL) {
          child.toHandle().destroyForcibly();
        }
      }
    }
    assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(acknowledged).hasSizeGreaterThanOrEqualTo(ACKNOWLEDGED_BEFORE_THE_KILL);
    var whole =
        acknowledged.stream().filter(line -> line.matches("/\\d+/\\d+ \\d+")).toList();

    try (var store = ObjectStore.open(StoreSettings.at(file))) {
      assertThat(whole.subList(0, whole.size() - 1)).allSatisfy(line -> {
        var parts = line.split(" ");
        assertThat(store.get(parts[0]))
            .as(line)
            .hasValueSatisfying(
                found -> assertThat(found.revision()).isEqualTo(Long.parseLong(parts[1])));
      });
      assertThat(store.create("/after", new byte[0])).isEqualTo(store.revision());
    }
  }

  private static Process start(Path file) throws IOException {
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    assertThat(Files.exists(Path.of(java))).isTrue();
    return new ProcessBuilder(List.of(
            java,
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Child.class.getName(),
            file.toString()))
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }
}
