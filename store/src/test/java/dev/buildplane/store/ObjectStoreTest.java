package dev.buildplane.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.store.StoreProblem.RevisionAhead;
import dev.buildplane.store.StoreProblem.RevisionCompacted;
import dev.buildplane.store.StoreProblem.RevisionConflict;
import dev.buildplane.store.StoreProblem.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ObjectStoreTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration NO_PATIENCE = Duration.ofMillis(1);

  @TempDir
  Path folder;

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
  private ObjectStore store;

  @BeforeEach
  void openStore() {
    store = open(1_000_000);
  }

  private ObjectStore open(int history) {
    InstantSource clock = now::get;
    return ObjectStore.open(
        new StoreSettings(folder.resolve("s.db"), history, Duration.ofHours(1), clock));
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static List<String> keys(Page page) {
    return page.items().stream().map(Stored::key).toList();
  }

  @Test
  void revisionsCountUpByOnePerChangeOfAnyKey() {
    assertThat(store.create("/a", bytes("1"))).isEqualTo(1);
    assertThat(store.create("/b", bytes("1"))).isEqualTo(2);
    assertThat(store.update("/a", 1, bytes("2"))).isEqualTo(3);
    assertThat(store.delete("/b", 2, bytes("1"))).isEqualTo(4);
    assertThat(store.revision()).isEqualTo(4);
    assertThat(store.get("/a")).hasValueSatisfying(found -> {
      assertThat(found.revision()).isEqualTo(3);
      assertThat(found.value()).isEqualTo(bytes("2"));
    });
    assertThat(store.get("/b")).isEmpty();
  }

  @Test
  void aWriteWhoseExpectationFailsChangesNothing() {
    store.create("/a", bytes("1"));
    assertThatThrownBy(() -> store.create("/a", bytes("2")))
        .isInstanceOf(RevisionConflict.class)
        .hasMessageContaining("expected no such key, found revision 1");
    store.update("/a", 1, bytes("2"));
    assertThatThrownBy(() -> store.update("/a", 1, bytes("3")))
        .isInstanceOf(RevisionConflict.class);
    assertThatThrownBy(() -> store.delete("/a", 1, bytes("3")))
        .isInstanceOf(RevisionConflict.class);
    assertThatThrownBy(() -> store.update("/none", 1, bytes("3")))
        .isInstanceOf(RevisionConflict.class);
    assertThat(store.revision()).isEqualTo(2);
  }

  @Test
  void pagesOfOneListingShowOneMoment() {
    for (var i = 0; i < 5; i++) {
      store.create("/x/" + i, bytes("old"));
    }
    store.create("/y/0", bytes("old"));
    var first = store.list("/x/", "", 0, 2);
    assertThat(keys(first)).containsExactly("/x/0", "/x/1");
    assertThat(first.more()).isTrue();
    assertThat(first.remaining()).isEqualTo(3);
    store.delete("/x/2", 3, bytes("old"));
    store.update("/x/3", 4, bytes("new"));
    store.create("/x/9", bytes("new"));

    var second = store.list("/x/", "/x/1", first.revision(), 10);

    assertThat(keys(second)).containsExactly("/x/2", "/x/3", "/x/4");
    assertThat(second.items()).allSatisfy(item -> assertThat(item.value()).isEqualTo(bytes("old")));
    assertThat(second.revision()).isEqualTo(first.revision());
    assertThat(second.more()).isFalse();
    assertThat(keys(store.list("/x/", "", 0, 10)))
        .containsExactly("/x/0", "/x/1", "/x/3", "/x/4", "/x/9");
  }

  @Test
  void aWatchReplaysTheLogAndThenFollows() throws InterruptedException {
    store.create("/x/a", bytes("1"));
    store.create("/y/a", bytes("1"));
    store.update("/x/a", 1, bytes("2"));
    try (var watch = store.watch("/x/", 1)) {
      var replayed = watch.poll(PATIENCE);
      assertThat(replayed).singleElement().satisfies(change -> {
        assertThat(change.kind()).isEqualTo(Change.Kind.MODIFIED);
        assertThat(change.previousValue()).isEqualTo(bytes("1"));
      });
      assertThat(watch.poll(NO_PATIENCE)).isEmpty();
      store.delete("/x/a", 3, bytes("2"));
      assertThat(watch.poll(PATIENCE))
          .extracting(Change::kind)
          .containsExactly(Change.Kind.DELETED);
      store.create("/y/b", bytes("1"));
      assertThat(watch.poll(NO_PATIENCE)).isEmpty();
      assertThat(watch.revision()).isEqualTo(5);
    }
  }

  @Test
  void aWatchThatLeftMemoryGoesOnFromTheLog() throws InterruptedException {
    store.create("/x", bytes("0"));
    try (var watch = store.watch("/", 1)) {
      var writes = Recent.MAX_CHANGES + 100;
      for (var i = 1; i <= writes; i++) {
        store.update("/x", i, bytes("" + i));
      }
      var seen = new ArrayList<Long>();
      while (seen.size() < writes) {
        watch.poll(PATIENCE).forEach(change -> seen.add(change.revision()));
      }
      assertThat(seen).hasSize(writes).isSorted().doesNotHaveDuplicates().startsWith(2L);
    }
  }

  @Test
  void historyBeyondTheBoundIsCompactedAndToldSo() {
    store.close();
    store = open(10);
    store.create("/kept", bytes("kept"));
    store.create("/gone", bytes("1"));
    store.delete("/gone", 2, bytes("1"));
    store.create("/x", bytes("0"));
    for (var i = 4; i < 2_100; i++) {
      store.update("/x", i, bytes("" + i));
    }
    store.close();
    store = open(10);
    assertThatThrownBy(() -> store.watch("/", 1)).isInstanceOf(RevisionCompacted.class);
    assertThatThrownBy(() -> store.list("/", "", 1, 10)).isInstanceOf(RevisionCompacted.class);
    assertThat(keys(store.list("/", "", 0, 10))).containsExactly("/kept", "/x");
    assertThat(keys(store.list("/", "", store.revision() - 1, 10))).containsExactly("/kept", "/x");
  }

  @Test
  void aRevisionOfTheFutureIsRefused() {
    store.create("/a", bytes("1"));
    assertThatThrownBy(() -> store.watch("/", 7)).isInstanceOf(RevisionAhead.class);
    assertThatThrownBy(() -> store.list("/", "", 7, 1)).isInstanceOf(RevisionAhead.class);
  }

  @Test
  void everythingIsThereAfterReopening() {
    store.create("/a", bytes("1"));
    store.update("/a", 1, bytes("2"));
    store.close();
    store = open(10);
    assertThat(store.revision()).isEqualTo(2);
    assertThat(store.get("/a"))
        .hasValueSatisfying(found -> assertThat(found.value()).isEqualTo(bytes("2")));
    assertThat(store.create("/b", bytes("1"))).isEqualTo(3);
  }

  @Test
  void aSecondOpenerIsRefused() {
    assertThatThrownBy(() -> open(10))
        .isInstanceOf(Unavailable.class)
        .hasMessageContaining("only user");
  }

  @Test
  void aFileThatIsNoStoreIsRefused() throws IOException {
    Files.writeString(
        folder.resolve("text.db"),
        "this is not a database, and long enough to be read as one".repeat(20));
    assertThatThrownBy(() -> ObjectStore.open(StoreSettings.at(folder.resolve("text.db"))))
        .isInstanceOf(Unavailable.class)
        .hasMessageContaining("expected a Buildplane store");
  }

  @Test
  void aStoreOfANewerFormatIsRefused() throws SQLException {
    store.create("/a", bytes("1"));
    store.close();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("s.db"));
        var statement = connection.createStatement()) {
      statement.execute("PRAGMA user_version = 99");
    }
    assertThatThrownBy(() -> open(10))
        .isInstanceOf(Unavailable.class)
        .hasMessageContaining("found 99");
  }

  @Test
  void aClosedStoreRefusesWritersAndEndsWatches() {
    var watch = store.watch("/", 0);
    store.close();
    assertThatThrownBy(() -> store.create("/a", bytes("1"))).isInstanceOf(Unavailable.class);
    assertThatThrownBy(() -> watch.poll(PATIENCE)).isInstanceOf(Unavailable.class);
  }
}
