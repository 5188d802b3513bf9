package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.List;

/// State of a workflow.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkflowStatus(
    @JsonPropertyDescription("State of the workflow.") List<Condition> conditions) {
  public WorkflowStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
  }
}
