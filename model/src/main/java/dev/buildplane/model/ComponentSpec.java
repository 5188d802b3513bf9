package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/// The fields of a component that builds read.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ComponentSpec(
    @JsonPropertyDescription("Whom the component belongs to. Cannot be changed.")
    @Required
    @Nullable
    Owner owner,

    @JsonPropertyDescription("Type of the component. Cannot be changed.") @Nullable
    TypeRef componentType,

    @JsonPropertyDescription(
        "Workflow that builds the component; must be allowed by the component's type.")
    @Nullable
    WorkflowConfig workflow,

    @JsonPropertyDescription("Build when a push to the repository is announced by a webhook.")
    @Nullable
    Boolean autoBuild,

    @JsonPropertyDescription("Deploy new releases to the first environment.") @Nullable
    Boolean autoDeploy) {

  /// The project of a component.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Owner(
      @JsonPropertyDescription("Name of the Project.") @Required @Size(min = 1) @Nullable
      String projectName) {}

  /// The type of a component.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record TypeRef(
      @JsonPropertyDescription("ComponentType or ClusterComponentType.") @Nullable
      String kind,

      @JsonPropertyDescription("Workload type and name, such as deployment/web-service.")
      @Required
      @Pattern("^(deployment|statefulset|cronjob|job|proxy)/[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
      @Nullable
      String name) {}
}
