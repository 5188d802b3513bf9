package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/// What to run.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkflowRunSpec(
    @JsonPropertyDescription("Which workflow to run, with which parameters.") @Required @Nullable
    WorkflowConfig workflow,

    @JsonPropertyDescription(
        "How long this run is kept after it ended, such as 90d or 1h30m. Taken from the Workflow when left out.")
    @Pattern(Limits.TTL_PATTERN)
    @Nullable
    String ttlAfterCompletion,

    @JsonPropertyDescription(
        "Set to true to stop the run. A run that has ended is not changed by it.")
    @Nullable
    Boolean cancel) {

  public static WorkflowRunSpec of(String workflow, @Nullable JsonNode parameters) {
    return new WorkflowRunSpec(new WorkflowConfig(workflow, parameters), null, null);
  }
}
