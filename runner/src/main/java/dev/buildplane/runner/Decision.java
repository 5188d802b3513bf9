package dev.buildplane.runner;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// What one pass came to.
///
/// @param status the new `status`
/// @param actions to carry out once the status is stored
/// @param wakeAt when to look again although nothing happened (deadline, backoff, time to live)
record Decision(ObjectNode status, List<Action> actions, Optional<Instant> wakeAt) {
  Decision {
    actions = List.copyOf(actions);
  }
}
