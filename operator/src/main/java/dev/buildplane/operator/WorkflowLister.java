package dev.buildplane.operator;

import dev.buildplane.model.Api;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the Argo Workflows that runs made in one plane by asking for their list: where all agents speak the JSON protocol of v0.17, no watch
/// comes through. Asks every [#INTERVAL], and less often where lists take long, so that at most a tenth of the time is spent on them. A virtual
/// thread does it; safe for use by several threads.
final class WorkflowLister implements RunWorkflows {
  static final Duration INTERVAL = Duration.ofSeconds(5);

  /// Workflows asked for at a time: the protocol bounds answers to 32 MiB, and a large Workflow has hundreds of KiB.
  private static final long PAGE = 50;

  /// How many times as long as a list has taken it waits at least.
  private static final int REST = 9;

  private static final Logger LOG = LoggerFactory.getLogger(WorkflowLister.class);

  private final KubernetesClient planeClient;
  private final BiConsumer<String, String> listener;
  private final Thread asking;
  private volatile Map<String, GenericKubernetesResource> last = Map.of();

  /// @param listener told the namespace and name of the run whose Argo Workflow has changed
  WorkflowLister(KubernetesClient planeClient, BiConsumer<String, String> listener) {
    this.planeClient = planeClient;
    this.listener = listener;
    this.asking = Thread.ofVirtual().name("workflow-list").start(this::ask);
  }

  @Override
  public Optional<GenericKubernetesResource> seen(String namespace, String name) {
    return Optional.ofNullable(last.get(namespace + "/" + name));
  }

  private void ask() {
    try {
      while (true) {
        long begun = System.nanoTime();
        try {
          look();
        } catch (KubernetesClientException e) {
          LOG.debug("Argo Workflows could not be listed: {}", Failures.detail(e));
        }
        var rest = Duration.ofNanos(System.nanoTime() - begun).multipliedBy(REST);
        Thread.sleep(rest.compareTo(INTERVAL) > 0 ? rest : INTERVAL);
      }
    } catch (InterruptedException closed) {
      LOG.debug("Argo Workflows are listed no more");
    }
  }

  private void look() {
    var before = last;
    var now = list();
    last = now;
    now.forEach((key, workflow) -> {
      var known = before.get(key);
      if (known == null || !version(known).equals(version(workflow))) {
        RunWorkflows.tell(workflow, listener);
      }
    });
    before.forEach((key, workflow) -> {
      if (!now.containsKey(key)) {
        RunWorkflows.tell(workflow, listener);
      }
    });
  }

  private Map<String, GenericKubernetesResource> list() {
    var found = new HashMap<String, GenericKubernetesResource>();
    @Nullable String next = null;
    do {
      var page = planeClient
          .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
          .inAnyNamespace()
          .withLabel(Api.MANAGED_BY, Api.MANAGED_BY_RUNS)
          .list(new ListOptionsBuilder().withLimit(PAGE).withContinue(next).build());
      for (var workflow : page.getItems()) {
        var metadata = workflow.getMetadata();
        found.put(metadata.getNamespace() + "/" + metadata.getName(), workflow);
      }
      next = page.getMetadata().getContinue();
    } while (next != null && !next.isEmpty());
    return Map.copyOf(found);
  }

  private static String version(GenericKubernetesResource workflow) {
    return workflow.getMetadata().getUid() + "/" + workflow.getMetadata().getResourceVersion();
  }

  @Override
  public void close() {
    asking.interrupt();
  }
}
