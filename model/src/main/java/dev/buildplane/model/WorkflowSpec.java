package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How runs of a workflow are made.
///
/// @param schema parameter schema in the shorthand of `reference/workflows.md` section 6
/// @param runTemplate an Argo Workflow with `${...}` expressions
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkflowSpec(
    @JsonPropertyDescription(
        "Build plane the runs of this workflow execute on. When left out: the BuildPlane named 'default' in the"
            + " namespace of the run, else the ClusterBuildPlane named 'default'.")
    @Nullable
    BuildPlaneRef buildPlaneRef,

    @JsonPropertyDescription("Schema of the parameters a run may give.") @Nullable
    WorkflowSchema schema,

    @JsonPropertyDescription(
        "Argo Workflow to create for a run. Texts may hold ${...} expressions.")
    @Required
    @Nullable
    JsonNode runTemplate,

    @JsonPropertyDescription(
        "Further Kubernetes objects to apply in the build plane before the run starts.")
    List<ResourceTemplate> resources,

    @JsonPropertyDescription(
        "SecretReference objects made available to expressions as externalRefs['<id>'].spec.")
    List<ExternalRef> externalRefs,

    @JsonPropertyDescription(
        "How long finished runs are kept, such as 90d or 1h30m. Kept for ever when left out.")
    @Pattern(Limits.TTL_PATTERN)
    @Nullable
    String ttlAfterCompletion) {

  public WorkflowSpec {
    resources = resources == null ? List.of() : List.copyOf(resources);
    externalRefs = externalRefs == null ? List.of() : List.copyOf(externalRefs);
  }

  /// Which build plane. `kind` is `BuildPlane` or `ClusterBuildPlane`.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record BuildPlaneRef(
      @JsonPropertyDescription("BuildPlane (in the namespace of the run) or ClusterBuildPlane.")
      @Required
      @Nullable
      String kind,

      @JsonPropertyDescription("Name of the build plane.")
      @Required
      @Size(min = 1, max = 63)
      @Nullable
      String name) {}

  /// Custom types and parameters, both maps in the shorthand.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record WorkflowSchema(
      @JsonPropertyDescription("Types that parameters may use by name.") @Nullable
      JsonNode types,

      @JsonPropertyDescription(
          "Parameters: name to type and constraints, such as 'string | default=main'.")
      @Nullable
      JsonNode parameters) {}

  /// An extra object applied in the build plane.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record ResourceTemplate(
      @JsonPropertyDescription("Name of this entry within the workflow.")
      @Required
      @Size(min = 1)
      @Nullable
      String id,

      @JsonPropertyDescription(
          "Expression in ${...} that says whether the object is applied; applied when left out.")
      @Nullable
      String includeWhen,

      @JsonPropertyDescription("The object. Texts may hold ${...} expressions.") @Required @Nullable
      JsonNode template) {}

  /// An object of the control plane that templates may read.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record ExternalRef(
      @JsonPropertyDescription("Name under which expressions find it.")
      @Required
      @Pattern("^[a-z][a-z0-9-]*[a-z0-9]$")
      @Size(min = 2, max = 63)
      @Nullable
      String id,

      @JsonPropertyDescription("API version of the object.") @Required @Size(min = 1) @Nullable
      String apiVersion,

      @JsonPropertyDescription("Kind of the object: SecretReference.") @Required @Nullable
      String kind,

      @JsonPropertyDescription(
          "Name of the object; may hold ${...}. Skipped when it evaluates to nothing.")
      @Required
      @Size(min = 1)
      @Nullable
      String name) {}
}
