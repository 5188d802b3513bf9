package dev.buildplane.store;

import dev.buildplane.store.StoreProblem.RevisionConflict;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// The write connection. Owned by the store's one writer thread.
final class Writer implements AutoCloseable {
  /// A write that waits to be committed.
  ///
  /// @param value the new state; the last state for a deletion
  record Request(
      String key, long expected, byte[] value, boolean delete, CompletableFuture<Change> done) {}

  private record Verdict(
      Request request, @Nullable Change change, @Nullable RevisionConflict conflict) {
    void tell() {
      if (change != null) {
        request.done().complete(change);
      } else if (conflict != null) {
        request.done().completeExceptionally(conflict);
      }
    }
  }

  /// Revisions compacted in one transaction, so that writers never wait long for it.
  private static final int COMPACTION_STEP_REVISIONS = 1_000;

  private final Connection connection;
  private final PreparedStatement find;
  private final PreparedStatement append;
  private final PreparedStatement point;
  private final PreparedStatement forget;
  private final StoreSettings settings;
  private long revision;
  private long compacted;

  Writer(Database database, StoreSettings settings) throws SQLException {
    this.settings = settings;
    connection = database.connect();
    connection.setAutoCommit(false);
    find = connection.prepareStatement(
        "SELECT l.revision, l.value FROM current c JOIN log l ON l.revision = c.revision WHERE c.key = ?");
    append = connection.prepareStatement(
        "INSERT INTO log(revision, key, kind, previous, written, value) VALUES (?, ?, ?, ?, ?, ?)");
    point = connection.prepareStatement(
        "INSERT INTO current(key, revision) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET revision = excluded.revision");
    forget = connection.prepareStatement("DELETE FROM current WHERE key = ?");
    revision = Database.number(connection, "SELECT max(revision) FROM log");
    compacted = Database.number(connection, "SELECT revision FROM compaction");
    connection.rollback();
  }

  long revision() {
    return revision;
  }

  /// Commits the batch in one transaction and returns its changes in order, before the requesters
  /// are told: `published` runs between the two.
  ///
  /// @throws SQLException when nothing was written; the connection may be in any state and is of no further use
  void commit(List<Request> batch, java.util.function.Consumer<List<Change>> published)
      throws SQLException {
    var verdicts = new ArrayList<Verdict>(batch.size());
    for (var request : batch) {
      verdicts.add(apply(request));
    }
    connection.commit();
    var changes = new ArrayList<Change>(verdicts.size());
    for (var verdict : verdicts) {
      if (verdict.change() != null) {
        changes.add(verdict.change());
      }
    }
    published.accept(changes);
    verdicts.forEach(Verdict::tell);
  }

  private Verdict apply(Request request) throws SQLException {
    var found = find(request.key());
    var foundRevision = found == null ? 0 : found.revision();
    if (foundRevision != request.expected()) {
      return new Verdict(
          request, null, new RevisionConflict(request.key(), request.expected(), foundRevision));
    }
    revision++;
    var kind = request.delete()
        ? Change.Kind.DELETED
        : found == null ? Change.Kind.CREATED : Change.Kind.MODIFIED;
    append(request, kind, foundRevision);
    if (request.delete()) {
      forget.setString(1, request.key());
      forget.executeUpdate();
    } else {
      point.setString(1, request.key());
      point.setLong(2, revision);
      point.executeUpdate();
    }
    var change = new Change(
        request.key(),
        revision,
        kind,
        request.value(),
        foundRevision,
        found == null ? null : found.value());
    return new Verdict(request, change, null);
  }

  private void append(Request request, Change.Kind kind, long previous) throws SQLException {
    append.setLong(1, revision);
    append.setString(2, request.key());
    append.setInt(3, kind.code());
    append.setLong(4, previous);
    append.setLong(5, settings.clock().millis());
    append.setBytes(6, request.value());
    append.executeUpdate();
  }

  private @Nullable Stored find(String key) throws SQLException {
    find.setString(1, key);
    try (var rows = find.executeQuery()) {
      return rows.next() ? new Stored(key, rows.getLong(1), rows.getBytes(2)) : null;
    }
  }

  /// Whether there is enough old history to make a step worth its transaction.
  boolean compactionDue() {
    return revision - settings.historyRevisions() - compacted >= COMPACTION_STEP_REVISIONS;
  }

  /// Forgets one step of history beyond the bounds and returns the new oldest revision. What every
  /// key was at that revision stays, so that listings at it remain whole.
  ///
  /// @throws SQLException as [#commit] does
  long compact() throws SQLException {
    var target =
        Math.min(Math.max(beyondCount(), beyondAge()), compacted + COMPACTION_STEP_REVISIONS);
    if (target <= compacted) {
      return compacted;
    }
    try (var statement = connection.createStatement()) {
      var step = "revision > " + compacted + " AND revision <= " + target;
      statement.executeUpdate("DELETE FROM log WHERE revision IN (SELECT previous FROM log WHERE "
          + step + " AND previous > 0)");
      statement.executeUpdate("DELETE FROM log WHERE " + step + " AND kind = 2");
      statement.executeUpdate("UPDATE compaction SET revision = " + target);
      connection.commit();
    }
    compacted = target;
    return compacted;
  }

  private long beyondCount() {
    return revision - settings.historyRevisions();
  }

  /// The newest change older than the age bound; never the newest of all, which keeps the counter.
  private long beyondAge() throws SQLException {
    var oldest = settings.clock().millis() - settings.historyAge().toMillis();
    try (var statement = connection.prepareStatement("""
        SELECT max(revision) FROM (
          SELECT revision, written FROM log WHERE revision > ? ORDER BY revision LIMIT ?) WHERE written < ?""")) {
      statement.setLong(1, compacted);
      statement.setInt(2, COMPACTION_STEP_REVISIONS);
      statement.setLong(3, oldest);
      try (var rows = statement.executeQuery()) {
        return rows.next() ? Math.min(rows.getLong(1), revision - 1) : 0;
      }
    } finally {
      connection.rollback();
    }
  }

  @Override
  public void close() throws SQLException {
    connection.close();
  }
}
