package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/// Agent connections of one plane resource. Times are RFC 3339 text in UTC with seconds.
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record AgentConnection(
    @JsonPropertyDescription("Whether any cluster agent is currently connected.") @Required
    boolean connected,

    @JsonPropertyDescription("Number of cluster agents currently connected.") @Required
    int connectedAgents,

    @JsonPropertyDescription("When an agent last successfully connected.") @Nullable
    String lastConnectedTime,

    @JsonPropertyDescription("When the last agent disconnected.") @Nullable
    String lastDisconnectedTime,

    @JsonPropertyDescription(
        "When the control plane last received any communication from an agent.")
    @Nullable
    String lastHeartbeatTime,

    @JsonPropertyDescription("Additional information about the agent connection status.") @Nullable
    String message) {}
