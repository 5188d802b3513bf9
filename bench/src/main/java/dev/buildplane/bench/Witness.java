package dev.buildplane.bench;

/// Hears of the requests at a [TargetServer] that have an `id` in their query. Called on the target's event loop; must not block.
interface Witness {
  /// A request has come as a whole.
  void arrived(String id);

  /// The connection of a request has ended before its answer was complete.
  void gone(String id);
}
