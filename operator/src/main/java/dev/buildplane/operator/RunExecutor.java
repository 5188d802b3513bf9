package dev.buildplane.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunStatus.ObjectReference;
import dev.buildplane.plan.ActionFailure;
import dev.buildplane.plan.RunAction;
import dev.buildplane.plan.RunObserved;
import dev.buildplane.plan.RunObserved.PlaneLookup;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carries out the actions of a run's plan: those on the run itself at the control plane's API server, those on what it makes
/// through the tunnel of its plane. Holds no state; safe for use by several threads.
final class RunExecutor {
  private static final Logger LOG = LoggerFactory.getLogger(RunExecutor.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PatchContext APPLY = new PatchContext.Builder()
      .withPatchType(PatchType.SERVER_SIDE_APPLY)
      .withFieldManager(Api.MANAGED_BY_RUNS)
      .withForce(true)
      .build();
  private static final PatchContext MERGE =
      new PatchContext.Builder().withPatchType(PatchType.JSON_MERGE).build();

  private final KubernetesClient hubClient;
  private final PlaneClients clients;
  private final Statuses statuses;
  private final EventRecorder events;

  RunExecutor(
      KubernetesClient hubClient, PlaneClients clients, Statuses statuses, EventRecorder events) {
    this.hubClient = hubClient;
    this.clients = clients;
    this.statuses = statuses;
    this.events = events;
  }

  /// Carries one action out.
  ///
  /// @return why it could not be, to be recorded in the run
  /// @throws KubernetesClientException when the run itself could not be written; the pass is then repeated
  Optional<ActionFailure> carryOut(RunAction action, WorkflowRun run, RunObserved seen) {
    return switch (action) {
      case RunAction.RecordStatus(var status) -> {
        statuses.write(run, status);
        yield Optional.empty();
      }
      case RunAction.Announce(var told) -> {
        events.record(run, told);
        yield Optional.empty();
      }
      case RunAction.AdoptTtl(var ttl) -> {
        var patch = JSON.createObjectNode();
        patch.putObject("spec").put("ttlAfterCompletion", ttl);
        resource(run).patch(MERGE, patch.toString());
        yield Optional.empty();
      }
      case RunAction.DeleteRun() -> {
        resource(run).delete();
        yield Optional.empty();
      }
      case RunAction.RemoveFinalizer() -> {
        statuses.forget(run); // the finalizer itself goes when the pass says so
        yield Optional.empty();
      }
      case RunAction.ApplyWorkload(var workload) ->
        attempt(() -> resource(hubClient, workload).patch(APPLY));
      case RunAction.Ensure(var plane, var object) -> ensure(client(plane, seen), object);
      case RunAction.Apply(var plane, var object) ->
        attempt(() -> resource(client(plane, seen), object).patch(APPLY));
      case RunAction.Submit(var plane, var workflow) ->
        submit(client(plane, seen), workflow, seen.uid());
      case RunAction.Terminate(var plane, var reference) ->
        terminate(client(plane, seen), reference);
      case RunAction.DeleteRemote(var plane, var reference) ->
        delete(client(plane, seen), reference, seen.uid());
    };
  }

  private Resource<WorkflowRun> resource(WorkflowRun run) {
    return hubClient
        .resources(WorkflowRun.class)
        .inNamespace(run.getMetadata().getNamespace())
        .withName(run.getMetadata().getName());
  }

  private KubernetesClient client(PlaneRef plane, RunObserved seen) {
    return seen.plane() instanceof PlaneLookup.Found(var ref, var planeID, var _)
            && ref.equals(plane)
        ? clients.planeClient(plane, planeID)
        : clients.planeClient(plane, plane.name());
  }

  private static Optional<ActionFailure> attempt(Runnable call) {
    try {
      call.run();
      return Optional.empty();
    } catch (KubernetesClientException e) {
      return Optional.of(Failures.of(e));
    }
  }

  private static Resource<GenericKubernetesResource> resource(
      KubernetesClient client, JsonNode object) {
    var generic = JSON.convertValue(object, GenericKubernetesResource.class);
    var all = client.genericKubernetesResources(generic.getApiVersion(), generic.getKind());
    var namespace = generic.getMetadata().getNamespace();
    return namespace == null
        ? all.resource(generic)
        : all.inNamespace(namespace).resource(generic);
  }

  private static Resource<GenericKubernetesResource> resource(
      KubernetesClient client, ObjectReference reference) {
    var all = client.genericKubernetesResources(reference.apiVersion(), reference.kind());
    return reference.namespace() == null
        ? all.withName(reference.name())
        : all.inNamespace(reference.namespace()).withName(reference.name());
  }

  private static Optional<ActionFailure> ensure(KubernetesClient planeClient, ObjectNode object) {
    var resource = resource(planeClient, object);
    try {
      resource.create();
      return Optional.empty();
    } catch (KubernetesClientException e) {
      boolean exists = e.getCode() == HttpURLConnection.HTTP_CONFLICT
          || (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN && readable(resource));
      return exists ? Optional.empty() : Optional.of(Failures.of(e));
    }
  }

  /// An agent may lack the right to create what an administrator has already made.
  private static boolean readable(Resource<GenericKubernetesResource> resource) {
    try {
      return resource.get() != null;
    } catch (KubernetesClientException e) {
      LOG.debug("cannot look whether an object exists that may not be created", e);
      return false;
    }
  }

  private static Optional<ActionFailure> submit(
      KubernetesClient planeClient, ObjectNode workflow, String uid) {
    var resource = resource(planeClient, workflow);
    try {
      resource.create();
      return Optional.empty();
    } catch (KubernetesClientException e) {
      return e.getCode() == HttpURLConnection.HTTP_CONFLICT
          ? owned(resource, uid)
          : Optional.of(Failures.of(e));
    }
  }

  private static Optional<ActionFailure> owned(
      Resource<GenericKubernetesResource> resource, String uid) {
    try {
      var existing = resource.get();
      if (existing == null) {
        return Optional.of(
            new ActionFailure.Unreachable("it existed a moment ago and is gone now"));
      }
      var owner = owner(existing);
      if (owner.equals(uid)) {
        return Optional.empty();
      }
      return Optional.of(new ActionFailure.Conflict("an Argo Workflow of that name exists and "
          + (owner.isEmpty() ? "was made by no run" : "was made by the run with UID " + owner)));
    } catch (KubernetesClientException e) {
      return Optional.of(Failures.of(e));
    }
  }

  private static String owner(GenericKubernetesResource object) {
    var annotations = object.getMetadata().getAnnotations();
    return annotations == null ? "" : annotations.getOrDefault(Api.RUN_UID, "");
  }

  private static Optional<ActionFailure> terminate(
      KubernetesClient planeClient, ObjectReference reference) {
    var patch = JSON.createObjectNode();
    patch.putObject("spec").put("shutdown", "Terminate");
    return attempt(() -> resource(planeClient, reference).patch(MERGE, patch.toString()));
  }

  private static Optional<ActionFailure> delete(
      KubernetesClient planeClient, ObjectReference reference, String uid) {
    return attempt(() -> {
      var resource = resource(planeClient, reference);
      var existing = resource.get();
      if (existing == null) {
        return;
      }
      if (!owner(existing).equals(uid)) {
        LOG.info(
            "{} {} in the build plane is not this run's any more and stays",
            reference.kind(),
            reference.name());
        return;
      }
      resource.withPropagationPolicy(DeletionPropagation.BACKGROUND).delete();
    });
  }
}
