package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import org.jspecify.annotations.Nullable;

/// The part of a workload that is read here; all other fields are kept as they are.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkloadSpec(
    @JsonPropertyDescription("Whose workload this is.") @Nullable
    Owner owner) {

  /// The component a workload belongs to.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Owner(
      @JsonPropertyDescription("Name of the Project.") @Nullable
      String projectName,

      @JsonPropertyDescription("Name of the Component.") @Nullable
      String componentName) {}
}
