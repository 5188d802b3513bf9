package dev.buildplane.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.buildplane.model.Api;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRunSpec;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.plan.RunObserved.PlaneLookup;
import dev.buildplane.plan.RunObserved.Recipe;
import dev.buildplane.plan.RunObserved.Remote;
import dev.buildplane.plan.RunObserved.Rendering;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A small control plane and build plane in which plans are carried out, so that a run can be walked through its life.
final class RunWorld {
  static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  static final PlaneRef PLANE = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "shared-buildplane");
  static final String UID = "uid-1";
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  String name = "greeter-1";
  Map<String, String> labels = Map.of(Api.PROJECT, "shop", Api.COMPONENT, "greeter");
  WorkflowRunSpec spec = WorkflowRunSpec.of("greeter", null);
  WorkflowRunStatus recorded = WorkflowRunStatus.NONE;
  boolean deleting;
  boolean cancelled;
  boolean abandon;
  Recipe recipe = new Recipe.Found(null);
  PlaneLookup plane = ready();
  Rendering rendering = rendered();
  Instant now = NOON;
  boolean reachable = true;

  /// The build plane: objects by kind and name.
  final Map<String, ObjectNode> objects = new HashMap<>();

  /// How often an Argo Workflow came into being.
  int created;

  boolean finalizerRemoved;
  boolean runDeleted;
  final List<String> events = new ArrayList<>();
  final List<ObjectNode> workloads = new ArrayList<>();

  static PlaneLookup ready() {
    return new PlaneLookup.Found(
        PLANE,
        "shared-builder",
        Optional.of(new Condition(
            "Ready", Condition.Status.TRUE, "Ready", "ok", "2026-03-01T11:00:00Z", 1L)));
  }

  static PlaneLookup unready() {
    return new PlaneLookup.Found(
        PLANE,
        "shared-builder",
        Optional.of(new Condition(
            "Ready",
            Condition.Status.FALSE,
            "NoAgentConnected",
            "no agent",
            "2026-03-01T11:00:00Z",
            1L)));
  }

  static Rendering rendered() {
    return new Rendering.Rendered(yaml("""
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata: {name: greeter-1, namespace: openchoreo-ci-team}
            spec: {serviceAccountName: workflow-sa}
            """), List.of(yaml("""
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: greeter-1-settings, namespace: openchoreo-ci-team}
                """)));
  }

  static ObjectNode yaml(String text) {
    try {
      return (ObjectNode) YAML.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  RunObserved observed() {
    var wanted = RunPlanner.wantsRemote(recorded, deleting);
    return new RunObserved(
        "team",
        name,
        UID,
        1,
        labels,
        spec,
        recorded,
        deleting,
        cancelled,
        abandon,
        recipe,
        plane,
        RunPlanner.wantsRendering(recorded) ? rendering : new Rendering.NotTried(),
        wanted ? remote() : new Remote.NotAsked(),
        now);
  }

  private Remote remote() {
    if (!reachable) {
      return new Remote.Unreachable("no agent connected");
    }
    var found = objects.get("Workflow/greeter-1");
    return found == null
        ? new Remote.Absent()
        : new Remote.Present(
            found.at("/metadata/annotations").path(Api.RUN_UID).asText(), ArgoWorkflow.of(found));
  }

  /// One pass, carried out to its end.
  RunPlan pass() {
    return pass(Integer.MAX_VALUE);
  }

  /// One pass that dies after so many actions.
  RunPlan pass(int actions) {
    var seen = observed();
    var plan = RunPlanner.plan(seen);
    for (var action : plan.actions().subList(0, Math.min(actions, plan.actions().size()))) {
      var failure = carryOut(action);
      if (failure.isPresent()) {
        RunPlanner.failed(seen, action, failure.get()).actions().forEach(this::carryOut);
        return plan;
      }
    }
    return plan;
  }

  private Optional<ActionFailure> carryOut(RunAction action) {
    return switch (action) {
      case RunAction.RecordStatus(var status) -> {
        recorded = status;
        yield Optional.empty();
      }
      case RunAction.Announce(var told) -> {
        events.add(told.type().text() + " " + told.reason());
        yield Optional.empty();
      }
      case RunAction.AdoptTtl(var ttl) -> {
        spec = new WorkflowRunSpec(spec.workflow(), ttl, spec.cancel());
        yield Optional.empty();
      }
      case RunAction.Ensure(var _, var object) ->
        remotely(() -> objects.putIfAbsent(key(object), object.deepCopy()));
      case RunAction.Apply(var _, var object) ->
        remotely(() -> objects.put(key(object), object.deepCopy()));
      case RunAction.Submit(var _, var object) -> submit(object);
      case RunAction.Terminate(var _, var reference) ->
        remotely(() -> objects
            .get("Workflow/" + reference.name())
            .withObjectProperty("spec")
            .put("shutdown", "Terminate"));
      case RunAction.DeleteRemote(var _, var reference) ->
        remotely(() -> objects.remove(reference.kind() + "/" + reference.name()));
      case RunAction.ApplyWorkload(var workload) -> {
        workloads.add(workload);
        yield Optional.empty();
      }
      case RunAction.DeleteRun() -> {
        runDeleted = true;
        yield Optional.empty();
      }
      case RunAction.RemoveFinalizer() -> {
        finalizerRemoved = true;
        yield Optional.empty();
      }
    };
  }

  private Optional<ActionFailure> submit(ObjectNode object) {
    if (!reachable) {
      return Optional.of(new ActionFailure.Unreachable("no agent connected"));
    }
    var existing = objects.get(key(object));
    if (existing != null) {
      var owner = existing.at("/metadata/annotations").path(Api.RUN_UID).asText();
      return owner.equals(UID)
          ? Optional.empty()
          : Optional.of(new ActionFailure.Conflict("it is marked with '" + owner + "'"));
    }
    objects.put(key(object), object.deepCopy());
    created++;
    return Optional.empty();
  }

  private Optional<ActionFailure> remotely(Runnable change) {
    if (!reachable) {
      return Optional.of(new ActionFailure.Unreachable("no agent connected"));
    }
    change.run();
    return Optional.empty();
  }

  private static String key(ObjectNode object) {
    return object.path("kind").asText() + "/" + object.at("/metadata/name").asText();
  }

  /// The engine in the plane moves on.
  void engine(String phase, String nodes) {
    var status = yaml(nodes.isEmpty() ? "nodes: {}" : "nodes:\n" + nodes.indent(2));
    status.put("phase", phase);
    objects.get("Workflow/greeter-1").set("status", status);
  }

  void passes(Duration time) {
    now = now.plus(time);
  }

  String brief(String type) {
    return recorded
        .condition(type)
        .map(found -> found.status().text() + " " + found.reason())
        .orElse("absent");
  }

  String message(String type) {
    return recorded.condition(type).map(Condition::message).orElse("");
  }
}
