package dev.buildplane.store;

import static java.util.Objects.requireNonNull;

import dev.buildplane.store.StoreProblem.RevisionAhead;
import dev.buildplane.store.StoreProblem.Unavailable;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A durable map from keys to bytes in which every change has a revision, is kept for a while, and
/// can be watched.
///
/// - Acknowledged is durable: a write that returned is on the disk (SQLite, WAL, synchronous=FULL).
/// - One thread writes; writers that come together share one commit. Readers never wait for it.
/// - Revisions count up by one per change of any key, without gaps, and never restart.
///
/// Safe for many threads; all methods block. Keys are compared by their UTF-8 bytes.
public final class ObjectStore implements AutoCloseable {
  /// Writes that share one commit.
  static final int MAX_BATCH_WRITES = 512;
  /// Writers that may wait; one more is refused with [Unavailable].
  static final int MAX_WAITING_WRITES = 8_192;
  /// Largest value, in bytes: more than an API server accepts in one request.
  public static final int MAX_VALUE_BYTES = 8 * 1024 * 1024;
  /// Longest key, in characters.
  public static final int MAX_KEY_CHARS = 1_024;

  private static final int READERS = 4;
  private static final long COMPACTION_CHECK_SECONDS = 30;
  private static final long CLOSE_SECONDS = 30;
  /// How often a waiting writer makes sure that the writer thread still lives.
  private static final long WRITER_CHECK_SECONDS = 2;
  private static final Logger LOG = LoggerFactory.getLogger(ObjectStore.class);

  private final Database database;
  private final StoreSettings settings;

  /// The writer thread's, and after its end that of whoever closes the store.
  private Writer writer;

  private final BlockingQueue<Writer.Request> waiting =
      new ArrayBlockingQueue<>(MAX_WAITING_WRITES);
  private final BlockingQueue<Reader> readers = new ArrayBlockingQueue<>(READERS);
  private final Set<Watch> watches = ConcurrentHashMap.newKeySet();
  private final Recent recent;
  private final Thread thread;
  private volatile boolean closing;

  private ObjectStore(
      Database database, StoreSettings settings, Writer writer, List<Reader> readers) {
    this.database = database;
    this.settings = settings;
    this.writer = writer;
    this.readers.addAll(readers);
    this.recent = new Recent(writer.revision());
    this.thread = Thread.ofPlatform().name("store-writer").daemon(true).unstarted(this::write);
  }

  /// Opens or creates the store.
  ///
  /// @throws Unavailable when the file is open elsewhere, is not a store, has another format or
  ///     cannot be read
  public static ObjectStore open(StoreSettings settings) {
    var database = Database.open(settings.file());
    try {
      var writer = new Writer(database, settings);
      var readers = new ArrayList<Reader>();
      for (var i = 0; i < READERS; i++) {
        readers.add(new Reader(database));
      }
      var store = new ObjectStore(database, settings, writer, readers);
      store.thread.start();
      return store;
    } catch (SQLException e) {
      database.close();
      throw new Unavailable(
          "store " + settings.file() + ": cannot be read; restore a copy or move it away", e);
    }
  }

  /// The newest revision; 0 in a store never written to.
  public long revision() {
    return recent.newest();
  }

  public Optional<Stored> get(String key) {
    return read(reader -> reader.get(requireNonNull(key, "key")));
  }

  /// Lists keys with a prefix, in order.
  ///
  /// @param after only keys greater than this; empty for all
  /// @param revision the listing as it was at that revision; 0 for the newest
  /// @param limit most items to return, at least 1
  /// @throws RevisionCompacted when that revision is no longer kept
  /// @throws RevisionAhead when that revision does not exist yet
  public Page list(String prefix, String after, long revision, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("limit: expected 1 or more, found " + limit);
    }
    return read(reader -> reader.list(prefix, after, revision, limit));
  }

  /// Adds a key that must not exist yet; returns once the change is on the disk.
  ///
  /// @throws StoreProblem.RevisionConflict when it exists
  public long create(String key, byte[] value) {
    return write(key, 0, value, false).revision();
  }

  /// Replaces the value of a key that must be at `expectedRevision` (at least 1).
  ///
  /// @throws StoreProblem.RevisionConflict when it is not
  public long update(String key, long expectedRevision, byte[] value) {
    requireExisting(expectedRevision);
    return write(key, expectedRevision, value, false).revision();
  }

  /// Removes a key that must be at `expectedRevision` (at least 1).
  ///
  /// @param lastValue what watchers are told the key was
  /// @throws StoreProblem.RevisionConflict when it is not
  public long delete(String key, long expectedRevision, byte[] lastValue) {
    requireExisting(expectedRevision);
    return write(key, expectedRevision, lastValue, true).revision();
  }

  private static void requireExisting(long revision) {
    if (revision < 1) {
      throw new IllegalArgumentException("expectedRevision: expected 1 or more, found " + revision);
    }
  }

  /// Follows the changes after `revision` of all keys with a prefix. The caller closes it.
  ///
  /// @throws RevisionCompacted when that history is no longer kept
  /// @throws RevisionAhead when that revision does not exist yet
  public Watch watch(String prefix, long revision) {
    var newest = recent.newest();
    if (revision > newest) {
      throw new RevisionAhead(revision, newest);
    }
    var watch = new Watch(this, prefix, revision);
    watches.add(watch);
    try {
      changesAfter(revision, 1);
      return watch;
    } catch (RuntimeException e) {
      watches.remove(watch);
      throw e;
    }
  }

  void forget(Watch watch) {
    watches.remove(watch);
  }

  /// Changes from memory where they are still there, from the log otherwise.
  List<Change> changesAfter(long revision, int limit) {
    if (closing) {
      throw new Unavailable("store: closed");
    }
    var inMemory = recent.after(revision, limit);
    return inMemory != null ? inMemory : read(reader -> reader.changes(revision, limit));
  }

  private Change write(String key, long expected, byte[] value, boolean delete) {
    if (key.isEmpty() || key.length() > MAX_KEY_CHARS) {
      throw new IllegalArgumentException(
          "key: expected 1 to %d characters, found %d".formatted(MAX_KEY_CHARS, key.length()));
    }
    if (value.length > MAX_VALUE_BYTES) {
      throw new IllegalArgumentException("value of %s: expected at most %d bytes, found %d"
          .formatted(key, MAX_VALUE_BYTES, value.length));
    }
    var done = new CompletableFuture<Change>();
    if (closing) {
      throw new Unavailable("store: closed");
    }
    if (!waiting.offer(new Writer.Request(key, expected, value, delete, done))) {
      throw new Unavailable("store: expected at most %d waiting writers; repeat the write later"
          .formatted(MAX_WAITING_WRITES));
    }
    return answer(done);
  }

  private Change answer(CompletableFuture<Change> done) {
    var interrupted = false;
    try {
      while (true) {
        try {
          return done.get(WRITER_CHECK_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
          interrupted = true; // the write is under way: its outcome must be told
        } catch (TimeoutException e) {
          if (!thread.isAlive()) {
            refuseWaiting();
          }
        } catch (ExecutionException e) {
          throw e.getCause() instanceof StoreProblem problem
              ? problem
              : new IllegalStateException(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  // -- the writer thread

  private void write() {
    var batch = new ArrayList<Writer.Request>(MAX_BATCH_WRITES);
    try {
      while (!closing || !waiting.isEmpty()) {
        batch.clear();
        var first =
            closing ? waiting.poll() : waiting.poll(COMPACTION_CHECK_SECONDS, TimeUnit.SECONDS);
        if (first != null) {
          batch.add(first);
          waiting.drainTo(batch, MAX_BATCH_WRITES - 1);
          commit(batch);
        }
        if (first == null || writer.compactionDue()) {
          compact();
        }
      }
    } catch (InterruptedException e) {
      if (!closing) {
        LOG.error(
            "the store's writer was interrupted from outside; no write is accepted any more", e);
        closing = true;
      }
      drain(batch);
    } finally {
      refuseWaiting();
    }
  }

  /// Writes that were accepted before the store was closed.
  private void drain(List<Writer.Request> batch) {
    batch.clear();
    while (waiting.drainTo(batch, MAX_BATCH_WRITES) > 0) {
      commit(batch);
      batch.clear();
    }
  }

  private void commit(List<Writer.Request> batch) {
    try {
      writer.commit(batch, this::publish);
    } catch (SQLException e) {
      var problem =
          new Unavailable("store " + database.file() + ": the write failed and was taken back", e);
      LOG.error("a commit of {} writes to {} failed", batch.size(), database.file(), e);
      batch.forEach(request -> request.done().completeExceptionally(problem));
      renewWriter();
    }
  }

  /// A new connection after a failure such as a full disk. SQLite rolls back by itself after some of them and not after others, so the old one cannot be
  /// relied upon; closing it takes back whatever it had begun. When this fails too, the next write tries again.
  private void renewWriter() {
    try {
      writer.close();
      writer = new Writer(database, settings);
    } catch (SQLException e) {
      LOG.error(
          "{} cannot be opened for writing; tried again with the next write", database.file(), e);
    }
  }

  private void publish(List<Change> changes) {
    recent.add(changes);
    for (var watch : watches) {
      if (changes.stream().anyMatch(change -> watch.matches(change.key()))) {
        watch.wake();
      }
    }
  }

  private void compact() {
    try {
      writer.compact();
    } catch (SQLException e) {
      LOG.warn("compaction of {} failed; it is tried again later", database.file(), e);
      renewWriter();
    }
  }

  private void refuseWaiting() {
    var left = new ArrayList<Writer.Request>();
    waiting.drainTo(left);
    left.forEach(request -> request.done().completeExceptionally(new Unavailable("store: closed")));
  }

  // -- readers

  @FunctionalInterface
  private interface Query<T> {
    T on(Reader reader) throws SQLException;
  }

  private <T> T read(Query<T> query) {
    var reader = takeReader();
    try {
      return query.on(reader);
    } catch (SQLException e) {
      throw new Unavailable("store " + database.file() + ": a read failed", e);
    } finally {
      readers.add(reader);
    }
  }

  private Reader takeReader() {
    var interrupted = false;
    try {
      while (true) {
        try {
          var reader = readers.poll(1, TimeUnit.SECONDS);
          if (reader != null) {
            return reader;
          }
          if (closing) {
            throw new Unavailable("store: closed");
          }
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Finishes the accepted writes, ends every watch and closes the file. A repeat does nothing.
  @Override
  public synchronized void close() {
    if (closing && !thread.isAlive()) {
      return;
    }
    closing = true;
    thread.interrupt();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_SECONDS));
      List.copyOf(watches).forEach(Watch::close);
      for (var i = 0; i < READERS; i++) {
        takeReaderToClose();
      }
      writer.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (SQLException e) {
      throw new Unavailable("store " + database.file() + ": could not be closed cleanly", e);
    } finally {
      database.close();
    }
  }

  private void takeReaderToClose() throws InterruptedException, SQLException {
    var reader = readers.poll(CLOSE_SECONDS, TimeUnit.SECONDS);
    if (reader != null) {
      reader.close();
    }
  }
}
