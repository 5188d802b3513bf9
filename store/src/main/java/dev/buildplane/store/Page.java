package dev.buildplane.store;

import java.util.List;

/// A part of a consistent listing, in ascending byte order of keys.
///
/// @param revision the revision at which the whole listing is taken: hand it back to read the next
///     page of the same listing, or watch from it
/// @param more whether keys follow the last item
/// @param remaining how many keys follow the last item; -1 when not counted (a listing at a
///     revision of the past)
public record Page(List<Stored> items, long revision, boolean more, long remaining) {
  public Page {
    items = List.copyOf(items);
  }
}
