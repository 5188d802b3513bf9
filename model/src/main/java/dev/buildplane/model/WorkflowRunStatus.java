package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// How far a run is.
///
/// @param phase `Pending`, `Running`, `Succeeded`, `Failed` or `Cancelled`; a summary of the conditions
/// @param startedAt RFC 3339 text: when the run was accepted
/// @param completedAt RFC 3339 text: when the end was seen
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkflowRunStatus(
    @JsonPropertyDescription("Generation of the spec this status speaks of.") @Nullable
    Long observedGeneration,

    @JsonPropertyDescription(
        "Summary of the conditions: Pending, Running, Succeeded, Failed or Cancelled.")
    @Nullable
    String phase,

    @JsonPropertyDescription("State of the run.") List<Condition> conditions,

    @JsonPropertyDescription("The build plane this run is bound to; does not change once chosen.")
    @Nullable
    PinnedPlane buildPlane,

    @JsonPropertyDescription("The Argo Workflow in the build plane.") @Nullable
    ObjectReference runReference,

    @JsonPropertyDescription("Further objects made for this run in the build plane.")
    List<ObjectReference> resources,

    @JsonPropertyDescription("Steps of the run in the order they started.")
    List<Task> tasks,

    @JsonPropertyDescription("When the run was accepted.") @Nullable
    String startedAt,

    @JsonPropertyDescription("When the run ended.") @Nullable
    String completedAt) {

  public WorkflowRunStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    resources = resources == null ? List.of() : List.copyOf(resources);
    tasks = tasks == null ? List.of() : List.copyOf(tasks);
  }

  /// The status of a run nobody has looked at.
  public static final WorkflowRunStatus NONE =
      new WorkflowRunStatus(null, null, List.of(), null, null, List.of(), List.of(), null, null);

  /// The condition of a type, when there is one.
  public Optional<Condition> condition(String type) {
    return Condition.find(conditions, type);
  }

  /// A build plane and the planeID it had when the run was bound to it.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record PinnedPlane(
      @JsonPropertyDescription("BuildPlane or ClusterBuildPlane.") @Required
      String kind,

      @JsonPropertyDescription("Namespace of the build plane, when it has one.") @Nullable
      String namespace,

      @JsonPropertyDescription("Name of the build plane.") @Required
      String name,

      @JsonPropertyDescription("planeID in effect when the run was bound.") @Nullable
      String planeID) {

    public static PinnedPlane of(PlaneRef ref, String planeID) {
      return new PinnedPlane(ref.kind().kind(), ref.namespace(), ref.name(), planeID);
    }

    /// The plane this points at; empty when the stored text is no plane.
    public Optional<PlaneRef> ref() {
      return PlaneKind.ofKind(kind)
          .filter(found -> found.clusterScoped() == (namespace == null))
          .map(found -> new PlaneRef(found, namespace, name));
    }
  }

  /// An object in the build plane.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record ObjectReference(
      @JsonPropertyDescription("API version of the object.") @Required
      String apiVersion,

      @JsonPropertyDescription("Kind of the object.") @Required
      String kind,

      @JsonPropertyDescription("Name of the object.") @Required
      String name,

      @JsonPropertyDescription("Namespace of the object, when it has one.") @Nullable
      String namespace) {}

  /// One step of a run.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Task(
      @JsonPropertyDescription("Name of the step.") @Required @Size(min = 1)
      String name,

      @JsonPropertyDescription("Pending, Running, Succeeded, Failed, Skipped or Error.") @Nullable
      String phase,

      @JsonPropertyDescription("When the step started.") @Nullable
      String startedAt,

      @JsonPropertyDescription("When the step ended.") @Nullable
      String completedAt,

      @JsonPropertyDescription("Why the step is in this phase.") @Nullable
      String message,

      @JsonPropertyDescription("Output parameters of the step; long values are left out.")
      List<Output> outputs) {
    public Task {
      outputs = outputs == null ? List.of() : List.copyOf(outputs);
    }
  }

  /// An output parameter of a step.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Output(
      @JsonPropertyDescription("Name of the parameter.") @Required
      String name,

      @JsonPropertyDescription("Its value.") @Nullable String value) {}
}
