package dev.buildplane.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.buildplane.model.RunConditions.Reason;
import dev.buildplane.model.SecretReference;
import dev.buildplane.model.Workflow;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.plan.RunObserved.Rendering;
import dev.buildplane.render.Confinement;
import dev.buildplane.render.ConfinementPolicy;
import dev.buildplane.render.ExternalRefNames;
import dev.buildplane.render.RenderOutcome;
import dev.buildplane.render.RenderProblem;
import dev.buildplane.render.RenderRequest;
import dev.buildplane.render.RunRenderer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Renders runs, and says in words of the run's API what keeps one from being rendered. Safe for use by several threads.
final class RunRendering {
  /// Problems spelled out in one message.
  static final int LISTED = 5;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final RunRenderer renderer = new RunRenderer();
  private final ConfinementPolicy confinement;

  RunRendering(ConfinementPolicy confinement) {
    this.confinement = confinement;
  }

  /// Renders a run.
  ///
  /// @param references finds a SecretReference of the run's namespace by name
  Rendering render(
      WorkflowRun run, Workflow workflow, Function<String, Optional<SecretReference>> references) {
    var request = request(run, workflow);
    return switch (renderer.externalRefNames(request)) {
      case ExternalRefNames.Failed(var problems) -> refused(problems);
      case ExternalRefNames.Names(var byId) -> {
        var found = new HashMap<String, JsonNode>();
        for (var entry : byId.entrySet()) {
          var reference = references.apply(entry.getValue());
          if (reference.isEmpty()) {
            yield new Rendering.Refused(
                Reason.EXTERNAL_REF_NOT_FOUND,
                "SecretReference '" + entry.getValue() + "' not found in namespace "
                    + request.runNamespace()
                    + ", wanted by externalRefs '" + entry.getKey()
                    + "' of the Workflow; create it or correct the parameter that names it");
          }
          found.put(entry.getKey(), JSON.valueToTree(reference.get().getSpec()));
        }
        yield render(request.withExternalRefs(found));
      }
    };
  }

  private Rendering render(RenderRequest request) {
    return switch (renderer.render(request)) {
      case RenderOutcome.Failed(var problems) -> refused(problems);
      case RenderOutcome.Rendered rendered -> {
        var violations = Confinement.check(rendered, request.ciNamespace(), confinement);
        yield violations.isEmpty()
            ? new Rendering.Rendered(
                rendered.run(),
                rendered.resources().stream()
                    .map(RenderOutcome.Resource::object)
                    .toList())
            : new Rendering.Refused(
                Reason.NOT_CONFINED,
                listed(violations.stream().map(Confinement.Violation::toString).toList()));
      }
    };
  }

  private static RenderRequest request(WorkflowRun run, Workflow workflow) {
    var metadata = run.getMetadata();
    var config = run.getSpec() == null ? null : run.getSpec().workflow();
    var parameters = config == null ? null : config.parameters();
    JsonNode spec = JSON.valueToTree(workflow.getSpec());
    return new RenderRequest(
        spec,
        metadata.getName(),
        metadata.getNamespace(),
        metadata.getLabels() == null ? Map.of() : metadata.getLabels(),
        parameters == null ? MissingNode.getInstance() : parameters,
        Map.of());
  }

  private static Rendering refused(List<RenderProblem> problems) {
    var reason = switch (problems.getFirst().code()) {
      case SCHEMA_INVALID -> Reason.INVALID_SCHEMA;
      case PARAMETER_INVALID -> Reason.INVALID_PARAMETERS;
      case EXPRESSION_INVALID, EXPRESSION_FAILED, TEMPLATE_INVALID -> Reason.RENDER_FAILED;
    };
    return new Rendering.Refused(
        reason, listed(problems.stream().map(RenderProblem::summary).toList()));
  }

  private static String listed(List<String> lines) {
    var text = lines.stream().limit(LISTED).collect(Collectors.joining("\n"));
    return lines.size() <= LISTED ? text : text + "\nand " + (lines.size() - LISTED) + " more";
  }
}
