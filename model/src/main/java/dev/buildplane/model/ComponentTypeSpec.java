package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The fields of a component type that builds read.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ComponentTypeSpec(
    @JsonPropertyDescription("Workflows that components of this type may use. None when empty.")
    List<AllowedWorkflow> allowedWorkflows) {
  public ComponentTypeSpec {
    allowedWorkflows = allowedWorkflows == null ? List.of() : List.copyOf(allowedWorkflows);
  }

  /// A workflow by name.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record AllowedWorkflow(
      @JsonPropertyDescription("Kind: Workflow.") @Nullable String kind,

      @JsonPropertyDescription("Name of the Workflow.") @Required @Size(min = 1) @Nullable
      String name) {}
}
