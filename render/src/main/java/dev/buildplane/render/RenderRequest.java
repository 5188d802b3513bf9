package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;

/// Everything a rendering looks at.
///
/// @param workflowSpec `spec` of the Workflow
/// @param runName `metadata.name` of the WorkflowRun
/// @param runNamespace `metadata.namespace` of the WorkflowRun
/// @param runLabels `metadata.labels` of the WorkflowRun
/// @param parameters `spec.workflow.parameters` of the WorkflowRun; a missing node or null when it has none
/// @param externalRefs the `spec` of each SecretReference found, by id of the reference in the Workflow
public record RenderRequest(
    JsonNode workflowSpec,
    String runName,
    String runNamespace,
    Map<String, String> runLabels,
    JsonNode parameters,
    Map<String, JsonNode> externalRefs) {

  /// Prefix of the namespace in the build plane.
  public static final String CI_NAMESPACE_PREFIX = "openchoreo-ci-";

  public RenderRequest {
    runLabels = Map.copyOf(runLabels);
    externalRefs = Map.copyOf(externalRefs);
  }

  /// The namespace in the build plane that everything rendered must be in: `openchoreo-ci-<run namespace>`.
  public String ciNamespace() {
    return CI_NAMESPACE_PREFIX + runNamespace;
  }

  /// The same request with the references resolved.
  public RenderRequest withExternalRefs(Map<String, JsonNode> resolved) {
    return new RenderRequest(workflowSpec, runName, runNamespace, runLabels, parameters, resolved);
  }
}
