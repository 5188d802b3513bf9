package dev.buildplane.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// What to do for a run.
///
/// @param actions in the order they must run, stopping at the first that fails; then ask [RunPlanner#failed]
/// @param recheck when time alone may change the outcome; empty when only an event can
public record RunPlan(List<RunAction> actions, Optional<Duration> recheck) {
  public RunPlan {
    actions = List.copyOf(actions);
  }
}
