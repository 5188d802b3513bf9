package dev.buildplane.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ApiServerFault {
  private static final int ANSWERED_BEFORE_THE_KILL = 40;

  @TempDir
  Path folder;

  /// A server and a client of it in one process: says what the server has answered, until killed.
  public static final class Child {
    public static void main(String[] arguments) throws IOException {
      var served = new Served(Path.of(arguments[0]), PodLogs.NONE);
      try (var client = served.client(true)) {
        for (var n = 0; ; n++) {
          var map = new ConfigMapBuilder()
              .withNewMetadata()
              .withName("c-" + n)
              .endMetadata()
              .build();
          System.out.println(
              client.configMaps().resource(map).create().getMetadata().getName());
          System.out.flush();
        }
      }
    }
  }

  @Test
  void whatWasAnsweredBeforeAKillIsThereAfterIt() throws IOException, InterruptedException {
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var child = new ProcessBuilder(
            java,
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Child.class.getName(),
            folder.toString())
        .redirectError(Files.createFile(folder.resolve("child.log")).toFile())
        .start();
    var answered = new ArrayList<String>();
    try (var output =
        new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
      for (var line = output.readLine(); line != null; line = output.readLine()) {
        if (line.matches("c-\\d+")) {
          answered.add(line);
        }
        if (answered.size() == ANSWERED_BEFORE_THE_KILL) {
          child.toHandle().destroyForcibly();
        }
      }
    }
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(answered)
        .as(Files.readString(folder.resolve("child.log")))
        .hasSizeGreaterThanOrEqualTo(ANSWERED_BEFORE_THE_KILL);

    var whole = answered.subList(0, answered.size() - 1); // the last line may have been cut
    try (var store = ObjectStore.open(StoreSettings.at(folder.resolve("objects.db")))) {
      assertThat(names(store)).containsAll(whole);
    }
  }

  private static List<String> names(ObjectStore store) {
    return store.list("/core/configmaps/default/", "", 0, 100_000).items().stream()
        .map(item -> item.key().substring("/core/configmaps/default/".length()))
        .toList();
  }
}
