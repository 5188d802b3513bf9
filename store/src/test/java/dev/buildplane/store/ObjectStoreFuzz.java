package dev.buildplane.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.store.StoreProblem.RevisionConflict;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ObjectStoreFuzz {
  private static final int WRITERS = 8;
  private static final int WRITES_EACH = 400;
  private static final int WATCHERS = 6;

  @TempDir
  Path folder;

  /// What all the watchers see, applied in order, is what the store ends up with, whichever moment
  /// each began at.
  @Test
  void everyWatcherSeesEveryChangeOnceAndInOrder() throws InterruptedException, ExecutionException {
    var seed = new Random().nextLong();
    System.out.println("seed " + seed);
    try (var store = ObjectStore.open(StoreSettings.at(folder.resolve("s.db")));
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var writers = new ArrayList<Future<?>>();
      for (var i = 0; i < WRITERS; i++) {
        var random = new Random(seed + i);
        writers.add(threads.submit(() -> writeAround(store, random)));
      }
      var watchers = new ArrayList<Future<List<Change>>>();
      var starts = new ArrayList<Page>();
      for (var i = 0; i < WATCHERS; i++) {
        var start = store.list("/k/", "", 0, 1_000);
        starts.add(start);
        watchers.add(threads.submit(() -> follow(store, start.revision())));
      }
      for (var writer : writers) {
        writer.get();
      }
      store.create("/k/end", new byte[] {0});
      for (var i = 0; i < WATCHERS; i++) {
        check(store, starts.get(i), watchers.get(i).get());
      }
    }
  }

  private static void check(ObjectStore store, Page start, List<Change> seen) {
    assertThat(seen).extracting(Change::revision).isSorted().doesNotHaveDuplicates();
    Map<String, Long> state = new HashMap<>();
    start.items().forEach(item -> state.put(item.key(), item.revision()));
    for (var change : seen) {
      var before = change.kind() == Change.Kind.DELETED
          ? state.remove(change.key())
          : state.put(change.key(), change.revision());
      assertThat(before == null ? 0L : before).isEqualTo(change.previousRevision());
    }
    Map<String, Long> stored = new HashMap<>();
    store
        .list("/k/", "", 0, 1_000)
        .items()
        .forEach(item -> stored.put(item.key(), item.revision()));
    assertThat(state).isEqualTo(stored);
  }

  private static List<Change> follow(ObjectStore store, long from) throws InterruptedException {
    var seen = new ArrayList<Change>();
    try (var watch = store.watch("/k/", from)) {
      while (seen.isEmpty() || !seen.getLast().key().equals("/k/end")) {
        seen.addAll(watch.poll(Duration.ofSeconds(30)));
      }
    }
    return seen;
  }

  private static void writeAround(ObjectStore store, Random random) {
    for (var i = 0; i < WRITES_EACH; i++) {
      var key = (random.nextInt(4) == 0 ? "/other/" : "/k/") + random.nextInt(20);
      var value = ("" + random.nextInt()).getBytes(UTF_8);
      try {
        var found = store.get(key);
        if (found.isEmpty()) {
          store.create(key, value);
        } else if (random.nextInt(3) == 0) {
          store.delete(key, found.get().revision(), value);
        } else {
          store.update(key, found.get().revision(), value);
        }
      } catch (RevisionConflict _) {
        // another writer was faster: the next round reads again
      }
    }
  }
}
