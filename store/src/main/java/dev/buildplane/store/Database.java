package dev.buildplane.store;

import dev.buildplane.store.StoreProblem.Unavailable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;

/// The SQLite file: who owns it, which format it has, how connections to it are set up.
final class Database implements AutoCloseable {
  /// `BPst`, in SQLite's `application_id`: tells our file from any other SQLite file.
  private static final int APPLICATION_ID = 0x42507374;
  /// In SQLite's `user_version`.
  private static final int FORMAT = 1;
  /// How long a connection waits for another's lock. Only a foreign reader (`sqlite3`) can hold one.
  private static final int BUSY_MILLIS = 10_000;

  private final Path file;
  private final FileChannel lockChannel;
  private final FileLock lock;

  private Database(Path file, FileChannel lockChannel, FileLock lock) {
    this.file = file;
    this.lockChannel = lockChannel;
    this.lock = lock;
  }

  /// Takes the lock beside the file and makes sure the file has our format.
  static Database open(Path file) {
    try {
      var folder = file.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      var database = locked(file);
      try {
        database.prepare();
        return database;
      } catch (RuntimeException e) {
        database.close();
        throw e;
      }
    } catch (IOException e) {
      throw new Unavailable(
          "store " + file + ": cannot be created or locked; check the folder's permissions", e);
    }
  }

  private static Database locked(Path file) throws IOException {
    var channel = FileChannel.open(
        Path.of(file + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    @Nullable FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      channel.close();
      throw new Unavailable(
          "store " + file + ": expected to be its only user, found it open in this process", e);
    }
    if (lock == null) {
      channel.close();
      throw new Unavailable(
          "store %s: expected to be its only user, found it open in another process; stop that one"
              .formatted(file));
    }
    return new Database(file, channel, lock);
  }

  private void prepare() {
    try (var connection = connect();
        var statement = connection.createStatement()) {
      var application = number(connection, "PRAGMA application_id");
      var format = number(connection, "PRAGMA user_version");
      var tables = number(connection, "SELECT count(*) FROM sqlite_master");
      if (tables == 0 && application == 0) {
        create(connection);
        return;
      }
      if (application != APPLICATION_ID) {
        throw new Unavailable(
            "store " + file + ": expected a Buildplane store, found another SQLite file");
      }
      if (format != FORMAT) {
        throw new Unavailable(
            "store %s: expected format %d, found %d; use the version that wrote it"
                .formatted(file, FORMAT, format));
      }
      statement.execute("SELECT max(revision) FROM log");
    } catch (SQLException e) {
      throw new Unavailable(
          "store %s: expected a Buildplane store, found an unreadable file (%s); restore a copy or move it away"
              .formatted(file, e.getMessage()),
          e);
    }
  }

  private static void create(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (var statement = connection.createStatement()) {
      statement.execute("""
          CREATE TABLE log(
            revision INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            kind INTEGER NOT NULL,
            previous INTEGER NOT NULL,
            written INTEGER NOT NULL,
            value BLOB NOT NULL)""");
      statement.execute("CREATE INDEX log_by_key ON log(key, revision)");
      statement.execute(
          "CREATE TABLE current(key TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID");
      statement.execute(
          "CREATE TABLE compaction(only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL)");
      statement.execute("INSERT INTO compaction VALUES (1, 0)");
      statement.execute("PRAGMA application_id = " + APPLICATION_ID);
      statement.execute("PRAGMA user_version = " + FORMAT);
    }
    connection.commit();
  }

  static long number(Connection connection, String query) throws SQLException {
    try (var statement = connection.createStatement();
        var rows = statement.executeQuery(query)) {
      return rows.next() ? rows.getLong(1) : 0;
    }
  }

  /// A new connection: WAL, every commit on the disk before it returns.
  Connection connect() throws SQLException {
    var config = new SQLiteConfig();
    config.setJournalMode(SQLiteConfig.JournalMode.WAL);
    config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
    config.setBusyTimeout(BUSY_MILLIS);
    return config.createConnection("jdbc:sqlite:" + file);
  }

  Path file() {
    return file;
  }

  @Override
  public void close() {
    try (lockChannel) {
      lock.release();
    } catch (IOException e) {
      throw new Unavailable("store " + file + ": its lock could not be released", e);
    }
  }
}
