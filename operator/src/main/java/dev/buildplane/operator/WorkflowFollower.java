package dev.buildplane.operator;

import dev.buildplane.model.Api;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the Argo Workflows that runs made in one plane, by one watch through its tunnel. A watch that breaks is taken up
/// again by itself for as long as this is open.
final class WorkflowFollower implements RunWorkflows {
  static final ResourceDefinitionContext ARGO_WORKFLOWS = new ResourceDefinitionContext.Builder()
      .withGroup("argoproj.io")
      .withVersion("v1alpha1")
      .withKind("Workflow")
      .withPlural("workflows")
      .withNamespaced(true)
      .build();

  private static final Logger LOG = LoggerFactory.getLogger(WorkflowFollower.class);

  private final SharedIndexInformer<GenericKubernetesResource> informer;

  /// @param listener told the namespace and name of the run whose Argo Workflow has changed
  WorkflowFollower(KubernetesClient planeClient, BiConsumer<String, String> listener) {
    informer = planeClient
        .genericKubernetesResources(ARGO_WORKFLOWS)
        .inAnyNamespace()
        .withLabel(Api.MANAGED_BY, Api.MANAGED_BY_RUNS)
        .runnableInformer(0);
    informer.addEventHandler(new AnyChange<>(workflow -> RunWorkflows.tell(workflow, listener)));
    informer.exceptionHandler((started, problem) -> {
      LOG.debug("watch of Argo Workflows broke off: {}", problem.toString());
      return true;
    });
    informer.start();
  }

  @Override
  public Optional<GenericKubernetesResource> seen(String namespace, String name) {
    return Optional.ofNullable(informer.getIndexer().getByKey(namespace + "/" + name));
  }

  @Override
  public void close() {
    informer.stop();
  }
}
