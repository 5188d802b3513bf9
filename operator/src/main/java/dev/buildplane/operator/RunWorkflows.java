package dev.buildplane.operator;

import dev.buildplane.model.Api;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.util.Optional;
import java.util.function.BiConsumer;

/// The Argo Workflows that runs made in one plane, followed for as long as this is open.
sealed interface RunWorkflows extends AutoCloseable permits WorkflowFollower, WorkflowLister {
  /// The Argo Workflow as last seen; empty says nothing about whether it exists.
  Optional<GenericKubernetesResource> seen(String namespace, String name);

  @Override
  void close();

  /// Tells of a change.
  ///
  /// @param listener told the namespace and name of the run that made it
  static void tell(GenericKubernetesResource workflow, BiConsumer<String, String> listener) {
    var labels = workflow.getMetadata().getLabels();
    var name = labels.get(Api.RUN);
    var namespace = labels.get(Api.RUN_NAMESPACE);
    if (name != null && namespace != null) {
      listener.accept(namespace, name);
    }
  }
}
