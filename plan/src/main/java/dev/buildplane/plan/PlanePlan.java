package dev.buildplane.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// What to do for a plane.
///
/// @param actions in the order they must run, stopping at the first that fails
/// @param recheck when time alone may change the outcome; empty when only an event can
public record PlanePlan(List<PlaneAction> actions, Optional<Duration> recheck) {
  public PlanePlan {
    actions = List.copyOf(actions);
  }
}
