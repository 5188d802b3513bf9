package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What the operator knows about a plane.
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record PlaneStatus(
    @JsonPropertyDescription("Generation of the spec this status speaks of.") @Nullable
    Long observedGeneration,

    @JsonPropertyDescription("The planeID in effect: spec.planeID, or the name of the resource.")
    @Nullable
    String planeID,

    @JsonPropertyDescription(
        "State of the plane: Created, ClientCAResolved, ObservabilityResolved, AgentConnected,"
            + " SecretStoreReady, CertificatesCurrent (a warning before a certificate expires), and Ready, which is True when"
            + " a build can run here now. While deletion waits for runs, DeletionBlocked lists them.")
    List<Condition> conditions,

    @JsonPropertyDescription("Cluster agents that are connected and authorised for this resource.")
    @Nullable
    AgentConnection agentConnection) {

  public PlaneStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }

  /// The condition of a type, when there is one.
  public Optional<Condition> condition(String type) {
    return Condition.find(conditions, type);
  }
}
