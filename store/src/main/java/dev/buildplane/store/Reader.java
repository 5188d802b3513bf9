package dev.buildplane.store;

import dev.buildplane.store.StoreProblem.RevisionAhead;
import dev.buildplane.store.StoreProblem.RevisionCompacted;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One read connection with its statements. Every method is one snapshot. Used by one thread at a
/// time.
final class Reader implements AutoCloseable {
  private final Connection connection;
  private final PreparedStatement get;
  private final PreparedStatement listNow;
  private final PreparedStatement listThen;
  private final PreparedStatement countNow;
  private final PreparedStatement changes;
  private final PreparedStatement newest;
  private final PreparedStatement compacted;

  Reader(Database database) throws SQLException {
    connection = database.connect();
    connection.setAutoCommit(false);
    get = connection.prepareStatement(
        "SELECT l.revision, l.value FROM current c JOIN log l ON l.revision = c.revision WHERE c.key = ?");
    listNow = connection.prepareStatement("""
        SELECT c.key, l.revision, l.value FROM current c JOIN log l ON l.revision = c.revision
        WHERE c.key > ? AND c.key >= ? AND c.key < ? ORDER BY c.key LIMIT ?""");
    listThen = connection.prepareStatement("""
        SELECT l.key, l.revision, l.value FROM log l
        WHERE l.key > ? AND l.key >= ? AND l.key < ? AND l.kind <> 2
          AND l.revision = (SELECT max(m.revision) FROM log m WHERE m.key = l.key AND m.revision <= ?)
        ORDER BY l.key LIMIT ?""");
    countNow = connection.prepareStatement(
        "SELECT count(*) FROM current WHERE key > ? AND key >= ? AND key < ?");
    changes = connection.prepareStatement("""
        SELECT l.revision, l.key, l.kind, l.value, l.previous, p.value FROM log l
        LEFT JOIN log p ON p.revision = l.previous
        WHERE l.revision > ? ORDER BY l.revision LIMIT ?""");
    newest = connection.prepareStatement("SELECT max(revision) FROM log");
    compacted = connection.prepareStatement("SELECT revision FROM compaction");
  }

  Optional<Stored> get(String key) throws SQLException {
    get.setString(1, key);
    try (var rows = get.executeQuery()) {
      return rows.next()
          ? Optional.of(new Stored(key, rows.getLong(1), rows.getBytes(2)))
          : Optional.empty();
    } finally {
      connection.rollback();
    }
  }

  Page list(String prefix, String after, long revision, int limit) throws SQLException {
    try {
      var now = number(newest);
      if (revision > now) {
        throw new RevisionAhead(revision, now);
      }
      return revision == 0 || revision == now
          ? listNow(prefix, after, now, limit)
          : listThen(prefix, after, revision, limit);
    } finally {
      connection.rollback();
    }
  }

  private Page listNow(String prefix, String after, long now, int limit) throws SQLException {
    bindRange(listNow, prefix, after);
    listNow.setLong(4, limit + 1L);
    var items = items(listNow);
    if (items.size() <= limit) {
      return new Page(items, now, false, 0);
    }
    var page = items.subList(0, limit);
    bindRange(countNow, prefix, page.getLast().key());
    return new Page(page, now, true, number(countNow));
  }

  private Page listThen(String prefix, String after, long revision, int limit) throws SQLException {
    var oldest = number(compacted);
    if (revision < oldest) {
      throw new RevisionCompacted(revision, oldest);
    }
    bindRange(listThen, prefix, after);
    listThen.setLong(4, revision);
    listThen.setLong(5, limit + 1L);
    var items = items(listThen);
    return items.size() <= limit
        ? new Page(items, revision, false, 0)
        : new Page(items.subList(0, limit), revision, true, -1);
  }

  /// Changes after `revision`, oldest first.
  List<Change> changes(long revision, int limit) throws SQLException {
    try {
      var oldest = number(compacted);
      if (revision < oldest) {
        throw new RevisionCompacted(revision, oldest);
      }
      changes.setLong(1, revision);
      changes.setLong(2, limit);
      var found = new ArrayList<Change>();
      try (var rows = changes.executeQuery()) {
        while (rows.next()) {
          found.add(change(rows));
        }
      }
      return found;
    } finally {
      connection.rollback();
    }
  }

  private static Change change(ResultSet rows) throws SQLException {
    return new Change(
        rows.getString(2),
        rows.getLong(1),
        Change.Kind.of(rows.getInt(3)),
        rows.getBytes(4),
        rows.getLong(5),
        rows.getBytes(6));
  }

  private static List<Stored> items(PreparedStatement statement) throws SQLException {
    var items = new ArrayList<Stored>();
    try (var rows = statement.executeQuery()) {
      while (rows.next()) {
        items.add(new Stored(rows.getString(1), rows.getLong(2), rows.getBytes(3)));
      }
    }
    return items;
  }

  private static void bindRange(PreparedStatement statement, String prefix, String after)
      throws SQLException {
    statement.setString(1, after);
    statement.setString(2, prefix);
    statement.setString(3, endOf(prefix));
  }

  /// The smallest text that is greater than every text with that prefix.
  private static String endOf(String prefix) {
    if (prefix.isEmpty()) {
      return String.valueOf(Character.MAX_VALUE);
    }
    var last = prefix.length() - 1;
    return prefix.substring(0, last) + (char) (prefix.charAt(last) + 1);
  }

  private static long number(PreparedStatement statement) throws SQLException {
    try (var rows = statement.executeQuery()) {
      return rows.next() ? rows.getLong(1) : 0;
    }
  }

  @Override
  public void close() throws SQLException {
    connection.close();
  }
}
