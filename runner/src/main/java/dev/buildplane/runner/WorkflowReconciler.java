package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One pass over one workflow: read everything, decide, store the status, act.
///
/// The status is stored before anything is started, so a lost race (409) starts nothing; and a start that is asked for twice happens once.
final class WorkflowReconciler {
  private static final Logger LOG = LoggerFactory.getLogger(WorkflowReconciler.class);

  private final ArgoApi api;
  private final StepProcesses processes;
  private final PodWriter pods;
  private final EventWriter events;
  private final InstantSource clock;

  WorkflowReconciler(
      ArgoApi api,
      StepProcesses processes,
      PodWriter pods,
      EventWriter events,
      InstantSource clock) {
    this.api = api;
    this.processes = processes;
    this.pods = pods;
    this.events = events;
    this.clock = clock;
  }

  /// Brings one workflow as far as it can go now.
  ///
  /// @param key `namespace/name`
  /// @return when to come again at the latest, empty for not before something happens
  Optional<Instant> reconcile(String key) throws IOException, InterruptedException {
    var slash = key.indexOf('/');
    var namespace = key.substring(0, slash);
    var name = key.substring(slash + 1);
    var found = api.workflow(namespace, name);
    var uid =
        found.map(workflow -> workflow.path("metadata").path("uid").asText()).orElse("");
    var deleting =
        found.isPresent() && found.get().path("metadata").hasNonNull("deletionTimestamp");
    forgetOthers(key, deleting ? "" : uid);
    if (found.isEmpty() || deleting) {
      return Optional.empty();
    }
    processes.register(uid, key);
    return advance(found.get(), uid);
  }

  /// Workflows of this name that are gone, with everything they left.
  private void forgetOthers(String key, String livingUid) throws IOException, InterruptedException {
    for (var known : processes.workflows().entrySet()) {
      if (known.getValue().equals(key) && !known.getKey().equals(livingUid)) {
        LOG.info(
            "workflow {} (uid {}) is gone: stopping its steps, deleting its workspaces and logs",
            key,
            known.getKey());
        processes.forget(known.getKey());
        var slash = key.indexOf('/');
        pods.deleteAll(key.substring(0, slash), key.substring(slash + 1), known.getKey());
      }
    }
  }

  private Optional<Instant> advance(ObjectNode workflow, String uid) throws IOException {
    var namespace = workflow.path("metadata").path("namespace").asText();
    var decision = Engine.decide(new Observed(
        workflow,
        processes.observe(uid),
        (clusterWide, name) -> api.templateSpec(clusterWide, namespace, name),
        clock.instant()));
    var before = workflow.path("status").deepCopy();
    var after = decision.status();
    if (!after.equals(before)) {
      store(workflow, after);
      events.tell(workflow, before, after, podNames(workflow, after));
    }
    for (var action : decision.actions()) {
      act(workflow, uid, action);
    }
    followPods(workflow, uid, after);
    return decision.wakeAt();
  }

  private void store(ObjectNode workflow, ObjectNode status) {
    workflow.set("status", status);
    var labels = workflow.withObjectProperty("metadata").withObjectProperty("labels");
    labels.put("workflows.argoproj.io/phase", status.path("phase").asText());
    labels.put(PodShapes.COMPLETED_LABEL, Boolean.toString(Engine.isTerminal(workflow)));
    api.store(workflow);
  }

  private void act(ObjectNode workflow, String uid, Action action) throws IOException {
    switch (action) {
      case Action.Start(var order) -> {
        pods.create(workflow, order);
        processes.start(uid, workflow.path("metadata").path("namespace").asText(), order);
      }
      case Action.Kill(var nodeId, var reason) -> processes.kill(uid, nodeId, reason);
      case Action.DeleteWorkflow() -> {
        var metadata = workflow.path("metadata");
        LOG.info("workflow {}: its time to live is over", metadata.path("name").asText());
        api.workflows()
            .inNamespace(metadata.path("namespace").asText())
            .withName(metadata.path("name").asText())
            .delete();
      }
    }
  }

  private void followPods(ObjectNode workflow, String uid, JsonNode status) {
    var namespace = workflow.path("metadata").path("namespace").asText();
    podNames(workflow, status)
        .forEach((nodeId, podName) ->
            pods.follow(namespace, uid, podName, status.path("nodes").path(nodeId)));
  }

  /// Pod nodes and the names of their Pods.
  private static Map<String, String> podNames(JsonNode workflow, JsonNode status) {
    var names = new HashMap<String, String>();
    for (var node : status.path("nodes")) {
      if (Nodes.isPod(node)) {
        var template = node.has("templateRef")
            ? node.path("templateRef").path("template").asText()
            : node.path("templateName").asText();
        names.put(
            node.path("id").asText(),
            PodSteps.podName(
                workflow.path("metadata").path("name").asText(),
                node.path("name").asText(),
                template));
      }
    }
    return names;
  }
}
