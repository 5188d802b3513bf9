package dev.buildplane.apiserver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class InformerIT {
  private static final int WRITERS = 4;
  private static final int OBJECTS_EACH = 6;

  @TempDir
  Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anInformerSeesEveryObjectOnce(boolean onlyHttpWatches)
      throws IOException, InterruptedException, ExecutionException {
    try (var served = new Served(folder, PodLogs.NONE);
        var client = served.client(onlyHttpWatches);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var seen = new CopyOnWriteArrayList<String>();
      client.configMaps().inNamespace("default").inform(recording(seen));

      var writers = IntStream.range(0, WRITERS)
          .mapToObj(writer -> threads.submit(() -> write(served, writer)))
          .toList();
      for (var writer : writers) {
        writer.get();
      }

      await().atMost(Duration.ofSeconds(60)).until(() -> seen.size() >= 3 * WRITERS * OBJECTS_EACH);
      assertThat(seen).hasSize(3 * WRITERS * OBJECTS_EACH).doesNotHaveDuplicates();
    }
  }

  private static void write(Served served, int writer) {
    try (var client = served.client(true)) {
      for (var i = 0; i < OBJECTS_EACH; i++) {
        var name = "c-" + writer + "-" + i;
        var map = new ConfigMapBuilder()
            .withNewMetadata()
            .withName(name)
            .endMetadata()
            .addToData("k", "1")
            .build();
        client.configMaps().resource(map).create();
        client
            .configMaps()
            .withName(name)
            .edit(found -> new ConfigMapBuilder(found).addToData("k", "2").build());
        client.configMaps().withName(name).delete();
      }
    }
  }

  private static ResourceEventHandler<ConfigMap> recording(List<String> seen) {
    return new ResourceEventHandler<>() {
      @Override
      public void onAdd(ConfigMap object) {
        seen.add("added " + object.getMetadata().getName());
      }

      @Override
      public void onUpdate(ConfigMap old, ConfigMap object) {
        seen.add("updated " + object.getMetadata().getName());
      }

      @Override
      public void onDelete(ConfigMap object, boolean unknown) {
        seen.add("deleted " + object.getMetadata().getName());
      }
    };
  }
}
