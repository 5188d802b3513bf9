package dev.buildplane.plan;

import dev.buildplane.model.PlaneStatus;

/// One thing to do for a plane. Doing it twice is harmless.
public sealed interface PlaneAction {
  /// Store the status.
  record RecordStatus(PlaneStatus status) implements PlaneAction {}

  /// Record a Kubernetes Event.
  record Announce(Announcement announcement) implements PlaneAction {}

  /// Let the resource go.
  record RemoveFinalizer() implements PlaneAction {}
}
