package dev.buildplane.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
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
  private static final int DISK_BYTES = 4 << 20;
  private static final int VALUE_CHARS = 64 << 10;
  private static final int MOST_WRITES = 1000;

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

  /// A server whose files may grow to [#DISK_BYTES] until somebody allows more, and a client that fills them: says what came of it.
  public static final class FullDisk {
    public static void main(String[] arguments) throws IOException {
      var served = new Served(Path.of(arguments[0]), PodLogs.NONE);
      try (var client = served.client(true)) {
        var written = 0;
        try {
          for (; written < MOST_WRITES; written++) {
            client.configMaps().resource(large("c-" + written)).create();
          }
          System.out.println("never full");
        } catch (KubernetesClientException e) {
          System.out.println("refused " + e.getCode() + " " + e.getStatus().getReason());
        }
        System.out.println("reads " + client.configMaps().list().getItems().size());
        System.out.println("wrote " + written);
        System.out.flush();
        System.in.read(); // there is room again
        System.out.println(
            client.configMaps().resource(large("after")).create().getMetadata().getName());
        System.out.println("reads " + client.configMaps().list().getItems().size());
        System.out.flush();
      }
      System.exit(0); // the server goes as after a kill
    }

    private static ConfigMap large(String name) {
      return new ConfigMapBuilder()
          .withNewMetadata()
          .withName(name)
          .endMetadata()
          .addToData("text", "x".repeat(VALUE_CHARS))
          .build();
    }
  }

  /// A full disk costs writes and nothing else: they are refused as a whole, reads go on, and with room again everything does.
  @Test
  void aFullDiskRefusesWritesAndIsGotOver() throws IOException, InterruptedException {
    var log = Files.createFile(folder.resolve("child.log"));
    var child = new ProcessBuilder(
            "prlimit",
            "--fsize=" + DISK_BYTES + ":",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            FullDisk.class.getName(),
            folder.toString())
        .redirectError(log.toFile())
        .start();
    try (var output = child.inputReader(StandardCharsets.UTF_8);
        var input = child.outputWriter(StandardCharsets.UTF_8)) {
      assertThat(said(output, "refused"))
          .as(Files.readString(log))
          .isEqualTo("refused 503 ServiceUnavailable");
      var reads = said(output, "reads");
      assertThat(said(output, "wrote")).isEqualTo("wrote " + reads.substring("reads ".length()));
      var raised = new ProcessBuilder(
              "prlimit", "--pid", Long.toString(child.pid()), "--fsize=unlimited:")
          .inheritIO()
          .start();
      assertThat(raised.waitFor()).isZero();
      input.write("\n");
      input.flush();
      assertThat(said(output, "after")).as(Files.readString(log)).isEqualTo("after");
      int before = Integer.parseInt(reads.substring("reads ".length()));
      assertThat(before).isPositive();
      assertThat(said(output, "reads")).isEqualTo("reads " + (before + 1));
      assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      child.destroyForcibly();
    }
  }

  private static String said(BufferedReader output, String word) throws IOException {
    for (var line = output.readLine(); line != null; line = output.readLine()) {
      if (line.startsWith(word) || line.startsWith("never")) {
        return line;
      }
    }
    return "ended without saying '" + word + "'";
  }

  private static List<String> names(ObjectStore store) {
    return store.list("/core/configmaps/default/", "", 0, 100_000).items().stream()
        .map(item -> item.key().substring("/core/configmaps/default/".length()))
        .toList();
  }
}
