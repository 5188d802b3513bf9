package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// State of a component, component type, project or workload.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ComponentStatus(
    @JsonPropertyDescription("Generation of the spec this status speaks of.") @Nullable
    Long observedGeneration,

    @JsonPropertyDescription("State of the object.") List<Condition> conditions) {
  public ComponentStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }
}
