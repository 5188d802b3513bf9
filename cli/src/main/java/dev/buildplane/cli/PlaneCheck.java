package dev.buildplane.cli;

/// One line of `plane doctor`.
///
/// @param about what was looked at
/// @param expected what should be so; empty when it is
/// @param found what is so, or why it was not looked at
/// @param mend the command that mends it, as pasted into a shell; empty when nothing is wrong
record PlaneCheck(String about, Result result, String expected, String found, String mend) {
  /// Public: scripts match on these.
  enum Result {
    OK,
    PROBLEM,
    SKIPPED;

    String label() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  static PlaneCheck ok(String about, String found) {
    return new PlaneCheck(about, Result.OK, "", found, "");
  }

  static PlaneCheck skipped(String about, String why) {
    return new PlaneCheck(about, Result.SKIPPED, "", why, "");
  }

  static PlaneCheck problem(String about, String expected, String found, String mend) {
    return new PlaneCheck(about, Result.PROBLEM, expected, found, mend);
  }
}
