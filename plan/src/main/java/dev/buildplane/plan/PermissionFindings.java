package dev.buildplane.plan;

import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneConditions.Reason;
import dev.buildplane.plan.PlaneObserved.Agents;
import java.util.List;
import java.util.Optional;

/// What connected agents say about their permissions in the plane's cluster.
final class PermissionFindings {
  private PermissionFindings() {}

  /// Nothing as long as no agent has ever lacked anything; what was found last while no agent is connected.
  static Optional<Finding> of(PlaneObserved seen) {
    var before = PlaneFindings.recorded(seen, PlaneConditions.AGENT_PERMISSIONS);
    return switch (seen.agents()) {
      case Agents.Silent _ -> before;
      case Agents.Known known ->
        known.authorised().isEmpty() ? before : of(missing(known), before.isPresent());
    };
  }

  private static List<String> missing(Agents.Known known) {
    return known.authorised().stream()
        .flatMap(agent -> agent.permissionsMissing().stream())
        .distinct()
        .sorted()
        .toList();
  }

  private static Optional<Finding> of(List<String> missing, boolean told) {
    if (!missing.isEmpty()) {
      return Optional.of(
          new Finding(
              PlaneConditions.AGENT_PERMISSIONS,
              Condition.Status.FALSE,
              Reason.PERMISSIONS_MISSING,
              "the agent may not " + String.join(", ", missing)
                  + " in the plane's cluster; grant it to the agent's user there, the agent asks again within 10 minutes"));
    }
    return told
        ? Optional.of(new Finding(
            PlaneConditions.AGENT_PERMISSIONS,
            Condition.Status.TRUE,
            Reason.SUFFICIENT,
            "the agent may do in the plane's cluster what builds need"))
        : Optional.empty();
  }
}
