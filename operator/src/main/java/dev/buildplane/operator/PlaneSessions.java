package dev.buildplane.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRunStatus.ObjectReference;
import dev.buildplane.plan.ArgoWorkflow;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import dev.buildplane.plan.RunObserved.Remote;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What the operator follows inside planes: one watch of Argo Workflows per plane with runs on it, one of the secret store
/// per plane that names one; where no watch comes through, as to agents of v0.17, lists at intervals instead. Opened when first asked for, closed when the plane's last agent goes; asked again after a
/// return, they start afresh at once instead of waiting for a back-off to end. Safe for use by several threads.
final class PlaneSessions implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final PlaneClients clients;
  private final AgentRegistry registry;
  private final BiConsumer<String, String> runListener;
  private final Consumer<PlaneRef> planeListener;
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
      Thread.ofPlatform().daemon().name("plane-sessions").factory());

  // guarded by this
  private final Map<PlaneRef, Session> sessions = new HashMap<>();

  private static final class Session {
    final String planeID;
    final boolean streams;

    @Nullable
    RunWorkflows workflows;

    @Nullable
    StoreFollower store;

    Session(String planeID, boolean streams) {
      this.planeID = planeID;
      this.streams = streams;
    }

    void close() {
      if (workflows != null) {
        workflows.close();
      }
      if (store != null) {
        store.close();
      }
    }
  }

  /// @param runListener told namespace and name of a run whose Argo Workflow has changed
  /// @param planeListener told of a plane whose secret store has changed
  PlaneSessions(
      PlaneClients clients,
      AgentRegistry registry,
      BiConsumer<String, String> runListener,
      Consumer<PlaneRef> planeListener) {
    this.clients = clients;
    this.registry = registry;
    this.runListener = runListener;
    this.planeListener = planeListener;
  }

  /// The state of a run's Argo Workflow: from the watch when it has been seen there, else asked for. That it does not exist
  /// is believed only when the plane itself answers a list with nothing in it.
  Remote remote(PlaneRef plane, String planeID, ObjectReference reference) {
    switch (registry.agents(plane, planeID)) {
      case Agents.Silent(var _, var why) -> {
        return new Remote.Unreachable("the cluster gateway cannot be asked: " + why);
      }
      case Agents.Known known
      when known.authorised().isEmpty() -> {
        return new Remote.Unreachable("no agent is connected");
      }
      case Agents.Known _ -> {}
    }
    var namespace = reference.namespace() == null ? "" : reference.namespace();
    var seen = workflows(plane, planeID).seen(namespace, reference.name());
    return seen.map(PlaneSessions::present)
        .orElseGet(() -> ask(plane, planeID, namespace, reference.name()));
  }

  private Remote ask(PlaneRef plane, String planeID, String namespace, String name) {
    try {
      var list = clients
          .planeClient(plane, planeID)
          .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
          .inNamespace(namespace)
          .withField("metadata.name", name)
          .list()
          .getItems();
      return list.isEmpty() ? new Remote.Absent() : present(list.getFirst());
    } catch (KubernetesClientException e) {
      return new Remote.Unreachable(Failures.detail(e));
    }
  }

  private static Remote present(GenericKubernetesResource workflow) {
    var annotations = workflow.getMetadata().getAnnotations();
    var uid = annotations == null ? "" : annotations.getOrDefault(Api.RUN_UID, "");
    JsonNode tree = JSON.valueToTree(workflow);
    return new Remote.Present(uid, ArgoWorkflow.of(tree));
  }

  /// The state of a plane's secret store.
  SecretStore store(PlaneRef plane, String planeID, String name) {
    return switch (registry.agents(plane, planeID)) {
      case Agents.Silent _ -> new SecretStore.Pending();
      case Agents.Known known when known.authorised().isEmpty() -> new SecretStore.Disconnected();
      case Agents.Known _ -> follower(plane, planeID, name).state();
    };
  }

  private RunWorkflows workflows(PlaneRef plane, String planeID) {
    synchronized (this) {
      var session = session(plane, planeID);
      if (session.workflows == null) {
        var client = clients.planeClient(plane, planeID);
        session.workflows = session.streams
            ? new WorkflowFollower(client, runListener)
            : new WorkflowLister(client, runListener);
      }
      return session.workflows;
    }
  }

  private StoreFollower follower(PlaneRef plane, String planeID, String name) {
    synchronized (this) {
      var session = session(plane, planeID);
      var store = session.store;
      if (store == null || !store.name().equals(name)) {
        if (store != null) {
          store.close();
        }
        store = new StoreFollower(
            clients.planeClient(plane, planeID),
            name,
            session.streams,
            timer,
            () -> planeListener.accept(plane));
        session.store = store;
      }
      return store;
    }
  }

  /// The one there is, unless it was opened for another planeID or other agents.
  private Session session(PlaneRef plane, String planeID) {
    boolean streams = registry.streams(plane);
    var session = sessions.get(plane);
    if (session == null || !session.planeID.equals(planeID) || session.streams != streams) {
      if (session != null) {
        session.close();
      }
      session = new Session(planeID, streams);
      sessions.put(plane, session);
    }
    return session;
  }

  /// Stops following a plane.
  void end(PlaneRef plane) {
    synchronized (this) {
      var session = sessions.remove(plane);
      if (session != null) {
        session.close();
      }
    }
  }

  /// Stops following any plane.
  void endAll() {
    synchronized (this) {
      sessions.values().forEach(Session::close);
      sessions.clear();
    }
  }

  @Override
  public void close() {
    timer.shutdownNow();
    endAll();
  }
}
