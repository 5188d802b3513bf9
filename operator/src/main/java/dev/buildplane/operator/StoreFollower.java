package dev.buildplane.operator;

import dev.buildplane.plan.PlaneObserved.SecretStore;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Follows one ClusterSecretStore in one plane by a watch through its tunnel, or where none comes through by asking every [#REPEAT], in API version v1 or v1beta1, whichever the
/// plane serves.
final class StoreFollower implements AutoCloseable {
  static final String GROUP = "external-secrets.io";

  /// Newest first.
  static final List<String> VERSIONS = List.of("v1", "v1beta1");

  /// When to ask again whether External Secrets is installed: its absence cannot be watched.
  static final Duration REPEAT = Duration.ofSeconds(30);

  /// When to ask for the first time after a store went: with External Secrets its stores go first.
  static final Duration SOON = Duration.ofSeconds(1);

  private final KubernetesClient planeClient;
  private final String name;
  private final boolean streams;
  private final Runnable listener;
  private final ScheduledExecutorService timer;
  private volatile SecretStore state = new SecretStore.Pending();

  // guarded by this
  private @Nullable SharedIndexInformer<GenericKubernetesResource> informer;
  private boolean asking;
  private boolean closed;

  /// @param streams whether a watch comes through to the plane
  /// @param timer starts the probing, and repeats it while External Secrets is not there
  /// @param listener called when [#state] has changed
  StoreFollower(
      KubernetesClient planeClient,
      String name,
      boolean streams,
      ScheduledExecutorService timer,
      Runnable listener) {
    this.planeClient = planeClient;
    this.name = name;
    this.streams = streams;
    this.timer = timer;
    this.listener = listener;
    probeIn(Duration.ZERO);
  }

  String name() {
    return name;
  }

  SecretStore state() {
    return state;
  }

  /// Under the lock, as the timer ends soon after this has been closed.
  private synchronized void probeIn(Duration delay) {
    if (!closed) {
      timer.schedule(
          () -> Thread.ofVirtual().name("store-probe").start(this::probe),
          delay.toMillis(),
          TimeUnit.MILLISECONDS);
    }
  }

  private void probe() {
    synchronized (this) {
      if (closed) {
        return;
      }
    }
    try {
      var version = version();
      if (version.isPresent()) {
        follow(version.get());
      } else {
        now(new SecretStore.ApiMissing());
        probeIn(REPEAT);
      }
    } catch (KubernetesClientException e) {
      now(new SecretStore.Failed(String.valueOf(e.getMessage())));
      probeIn(REPEAT);
    }
  }

  private Optional<String> version() {
    var group = planeClient.getApiGroup(GROUP);
    if (group == null) {
      return Optional.empty();
    }
    var served =
        group.getVersions().stream().map(version -> version.getVersion()).toList();
    return VERSIONS.stream().filter(served::contains).findFirst();
  }

  private void follow(String version) {
    var stores = new ResourceDefinitionContext.Builder()
        .withGroup(GROUP)
        .withVersion(version)
        .withKind("ClusterSecretStore")
        .withPlural("clustersecretstores")
        .withNamespaced(false)
        .build();
    var named = planeClient.genericKubernetesResources(stores).withField("metadata.name", name);
    if (!streams) {
      var found = named.list().getItems();
      now(found.isEmpty() ? new SecretStore.Missing(name) : found(found.getFirst()));
      probeIn(REPEAT);
      return;
    }
    var watch = named.runnableInformer(0);
    watch.exceptionHandler((started, problem) -> {
      if (isUninstalled(problem)) {
        now(new SecretStore.ApiMissing());
        probeIn(REPEAT);
        return false;
      }
      if (!started) {
        now(new SecretStore.Failed(String.valueOf(problem.getMessage())));
      }
      return true;
    });
    watch.addEventHandler(new AnyChange<>(_ -> look(watch, version)));
    synchronized (this) {
      if (closed) {
        return;
      }
      informer = watch;
    }
    watch.start().thenRun(() -> look(watch, version));
  }

  /// Stores cannot be listed any more because the plane does not know their kind, or not in this version.
  private static boolean isUninstalled(Throwable problem) {
    return problem instanceof KubernetesClientException refused
        && refused.getCode() == HttpURLConnection.HTTP_NOT_FOUND;
  }

  private void look(SharedIndexInformer<GenericKubernetesResource> watch, String version) {
    var store = watch.getIndexer().getByKey(name);
    if (store == null) {
      now(new SecretStore.Missing(name));
      askIn(SOON, watch, version);
    } else {
      now(found(store));
    }
  }

  /// While the store is missing, whether its kind is there is asked for: a watch that the plane has ended is begun again by the client for
  /// ever, and a 404 then says nothing to us.
  private void askIn(
      Duration delay, SharedIndexInformer<GenericKubernetesResource> watch, String version) {
    synchronized (this) {
      if (closed || asking) {
        return;
      }
      asking = true;
      timer.schedule(
          () -> Thread.ofVirtual().name("store-kind").start(() -> ask(watch, version)),
          delay.toMillis(),
          TimeUnit.MILLISECONDS);
    }
  }

  private void ask(SharedIndexInformer<GenericKubernetesResource> watch, String version) {
    synchronized (this) {
      asking = false;
      if (closed || informer != watch) {
        return;
      }
    }
    if (!(state instanceof SecretStore.Missing)) {
      return;
    }
    if (stillServed(version)) {
      askIn(REPEAT, watch, version);
      return;
    }
    watch.stop();
    probe();
  }

  /// Whether the plane serves that version first; so it is taken while the plane does not answer.
  private boolean stillServed(String version) {
    try {
      return version().equals(Optional.of(version));
    } catch (KubernetesClientException unanswered) {
      return true;
    }
  }

  private SecretStore found(GenericKubernetesResource store) {
    Object conditions = store.get("status", "conditions");
    if (conditions instanceof List<?> list) {
      for (var item : list) {
        if (item instanceof Map<?, ?> condition && "Ready".equals(condition.get("type"))) {
          return new SecretStore.Found(
              name,
              "True".equals(condition.get("status")),
              condition.get("reason") + ": " + condition.get("message"));
        }
      }
    }
    return new SecretStore.Found(name, false, "it has no Ready condition yet");
  }

  private void now(SecretStore next) {
    if (!next.equals(state)) {
      state = next;
      listener.run();
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (informer != null) {
        informer.stop();
      }
    }
  }
}
