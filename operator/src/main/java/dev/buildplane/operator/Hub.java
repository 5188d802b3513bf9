package dev.buildplane.operator;

import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.model.SecretReference;
import dev.buildplane.model.Workflow;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.plan.RunPlanner;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// What the operator knows of the control plane's API server: caches fed by watches, never a list call per pass. Resources
/// read from here belong to the cache: look, do not change.
final class Hub implements AutoCloseable {
  /// How long the first lists may take.
  static final Duration SYNC_TIMEOUT = Duration.ofSeconds(60);

  private static final String BY_PLANE_ID = "planeID";

  private final KubernetesClient hubClient;
  private final Statuses statuses;
  private final SharedIndexInformer<Secret> secrets;
  private final SharedIndexInformer<Workflow> workflows;
  private final SharedIndexInformer<SecretReference> references;
  private final Map<PlaneKind, IndexerResourceCache<Plane>> planes = new ConcurrentHashMap<>();

  /// UIDs of planes whose finalizer is on its way out; the cache shows them a moment longer. Dropped with the plane.
  private final Set<String> released = ConcurrentHashMap.newKeySet();

  private volatile Optional<IndexerResourceCache<WorkflowRun>> runs = Optional.empty();
  private final CountDownLatch complete = new CountDownLatch(1);

  Hub(KubernetesClient hubClient, Statuses statuses) {
    this.hubClient = hubClient;
    this.statuses = statuses;
    secrets = hubClient.secrets().inAnyNamespace().runnableInformer(0);
    workflows = hubClient.resources(Workflow.class).inAnyNamespace().runnableInformer(0);
    references = hubClient.resources(SecretReference.class).inAnyNamespace().runnableInformer(0);
  }

  /// Starts the watches of this class and waits for their first lists.
  ///
  /// @throws IllegalStateException when they do not come within [#SYNC_TIMEOUT]
  void start() {
    for (var informer : List.of(secrets, workflows, references)) {
      informer.exceptionHandler((started, problem) -> true);
      try {
        informer.start().toCompletableFuture().get(SYNC_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
      } catch (ExecutionException | TimeoutException e) {
        throw new IllegalStateException(
            "expected the list of " + informer.getApiTypeClass().getSimpleName()
                + " from the API server within " + SYNC_TIMEOUT.toSeconds()
                + " s, found none; see that its CRD is installed and may be listed",
            e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while starting", e);
      }
    }
  }

  /// All caches are filled, those of planes and runs included: passes may begin.
  void complete(
      Consumer<Secret> onSecret,
      Consumer<Workflow> onWorkflow,
      Consumer<SecretReference> onReference) {
    secrets.addEventHandler(new AnyChange<>(onSecret));
    workflows.addEventHandler(new AnyChange<>(onWorkflow));
    references.addEventHandler(new AnyChange<>(onReference));
    complete.countDown();
  }

  /// Waits until all caches are filled. Without this the first passes after a start would take for missing what is merely
  /// not listed yet.
  ///
  /// @throws IllegalStateException when that takes longer than [#SYNC_TIMEOUT]
  void awaitComplete() {
    try {
      if (!complete.await(SYNC_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException(
            "the caches were not filled within " + SYNC_TIMEOUT.toSeconds() + " s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the caches", e);
    }
  }

  void planes(PlaneKind kind, IndexerResourceCache<Plane> cache) {
    cache.addIndexer(BY_PLANE_ID, plane -> List.of(plane.effectivePlaneID()));
    planes.put(kind, cache);
  }

  void runs(IndexerResourceCache<WorkflowRun> cache) {
    runs = Optional.of(cache);
  }

  /// A plane that exists and is not about to vanish.
  Optional<Plane> plane(PlaneRef ref) {
    return Optional.ofNullable(planes.get(ref.kind()))
        .flatMap(cache -> cache.get(new ResourceID(ref.name(), ref.namespace())))
        .filter(plane -> !released.contains(plane.getMetadata().getUid()));
  }

  /// A plane that [#plane] does not find, asked for at the API server itself: to be sure before something is given up.
  Optional<Plane> planeForSure(PlaneRef ref) {
    var all = hubClient.resources(ref.kind().resourceClass());
    var found = ref.namespace() == null
        ? all.withName(ref.name()).get()
        : all.inNamespace(ref.namespace()).withName(ref.name()).get();
    return Optional.<Plane>ofNullable(found)
        .filter(plane -> !released.contains(plane.getMetadata().getUid()));
  }

  /// All planes of all kinds.
  Stream<Plane> planes() {
    return Arrays.stream(PlaneKind.values())
        .map(planes::get)
        .filter(cache -> cache != null)
        .flatMap(IndexerResourceCache::list);
  }

  /// The planes that a change of agents may matter to.
  Stream<Plane> concerned(AgentRegistry.Change change) {
    if (change.everything()) {
      return planes();
    }
    var byID = change.planes().stream().flatMap(this::ofPlaneID);
    var byKey = change.keysByType().entrySet().stream()
        .flatMap(one -> one.getValue().stream().flatMap(key -> ofKey(one.getKey(), key)));
    var found = new HashMap<PlaneRef, Plane>();
    Stream.concat(byID, byKey).forEach(plane -> found.put(plane.ref(), plane));
    return found.values().stream();
  }

  private Stream<Plane> ofPlaneID(AgentRegistry.Plane named) {
    return caches(named.planeType())
        .flatMap(cache -> cache.byIndex(BY_PLANE_ID, named.planeID()).stream());
  }

  /// @param key as [PlaneRef#key]
  private Stream<Plane> ofKey(String planeType, String key) {
    var slash = key.indexOf('/');
    var id = new ResourceID(key.substring(slash + 1), slash <= 0 ? null : key.substring(0, slash));
    return caches(planeType).flatMap(cache -> cache.get(id).stream());
  }

  private Stream<IndexerResourceCache<Plane>> caches(String planeType) {
    return planes.entrySet().stream()
        .filter(one -> one.getKey().type().wire().equals(planeType))
        .map(Map.Entry::getValue);
  }

  /// The newest status of a plane, the operator's own last write included.
  Optional<PlaneStatus> status(Plane plane) {
    return Optional.ofNullable(statuses.newest(plane, plane.getStatus(), PlaneStatus.class));
  }

  WorkflowRunStatus status(WorkflowRun run) {
    return Optional.ofNullable(statuses.newest(run, run.getStatus(), WorkflowRunStatus.class))
        .orElse(WorkflowRunStatus.NONE);
  }

  Stream<WorkflowRun> runs() {
    return runs.stream().flatMap(IndexerResourceCache::list);
  }

  /// Runs bound to a plane that have not ended.
  Stream<WorkflowRun> unfinished(PlaneRef plane) {
    return runs().filter(run -> !RunPlanner.ended(status(run)) && boundTo(run, plane));
  }

  boolean boundTo(WorkflowRun run, PlaneRef plane) {
    var pinned = status(run).buildPlane();
    return pinned != null && pinned.ref().filter(plane::equals).isPresent();
  }

  Optional<Secret> secret(String namespace, String name) {
    return find(secrets, namespace, name);
  }

  Optional<Workflow> workflow(String namespace, String name) {
    return find(workflows, namespace, name);
  }

  Optional<SecretReference> reference(String namespace, String name) {
    return find(references, namespace, name);
  }

  private static <T extends HasMetadata> Optional<T> find(
      SharedIndexInformer<T> informer, String namespace, String name) {
    return Optional.ofNullable(informer.getIndexer().getByKey(namespace + "/" + name));
  }

  /// From now on the plane counts as gone.
  void release(Plane plane) {
    var present = planes().map(other -> other.getMetadata().getUid()).toList();
    released.retainAll(present);
    released.add(plane.getMetadata().getUid());
  }

  @Override
  public void close() {
    List.of(secrets, workflows, references).forEach(SharedIndexInformer::stop);
  }
}
