package dev.buildplane.gateway;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.Limits;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which CAs each plane resource trusts, kept current by informers on the six kinds and on exactly the Secrets they
/// name; nothing is ever listed per connection. Resources being deleted trust nobody. Thread-safe; all fields below
/// `lock` are guarded by it, and `changed` is called outside of it.
final class PlaneTrust implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(PlaneTrust.class);

  /// One resource as the gateway needs it.
  ///
  /// @param trust empty when the CA is missing or unreadable
  /// @param problem why it is, empty otherwise
  record Entry(
      PlaneRef ref, PlaneKey key, boolean deleting, Optional<TrustBundle> trust, String problem) {}

  private record SecretName(String namespace, String name) {}

  private final KubernetesClient hubClient;
  private final Consumer<Set<PlaneKey>> changed;
  private final List<SharedIndexInformer<?>> planeInformers = new ArrayList<>();
  /// Those whose first list has been taken in. An informer says that it has synced before it has told its handlers.
  private final Set<Class<? extends Plane>> kindsRead = ConcurrentHashMap.newKeySet();
  private final Object lock = new Object();
  private final Map<PlaneRef, Plane> planes = new HashMap<>();
  private final Map<PlaneRef, Entry> entries = new HashMap<>();
  private final Map<PlaneKey, Set<PlaneRef>> refsByKey = new HashMap<>();
  private final Map<SecretName, Set<PlaneRef>> refsBySecret = new HashMap<>();
  private final Map<SecretName, SharedIndexInformer<Secret>> secretInformers = new HashMap<>();
  /// Secrets that have been asked for at the hub, found or not.
  private final Set<SecretName> secretsRead = new HashSet<>();
  private final Map<SecretName, Secret> secrets = new HashMap<>();
  private boolean closed;

  /// Starts following; returns at once.
  ///
  /// @param changed told which planes' trust may differ from before
  PlaneTrust(KubernetesClient hubClient, Consumer<Set<PlaneKey>> changed) {
    this.hubClient = hubClient;
    this.changed = changed;
  }

  void start() {
    for (var kind : PlaneKind.values()) {
      planeInformers.add(inform(kind.resourceClass()));
    }
  }

  private <T extends Plane> SharedIndexInformer<T> inform(Class<T> type) {
    var informer = hubClient.resources(type).inAnyNamespace().runnableInformer(0);
    informer.itemStore(new LeanPlanes<>());
    informer.exceptionHandler((_, cause) -> {
      log.warn(
          "watching {} at the hub failed, trying again: {}",
          type.getSimpleName(),
          cause.toString());
      return true;
    });
    informer.addEventHandler(new Changes<T>(
        this::planeSeen, plane -> planeGone(plane.ref()), () -> kindsRead.add(type)));
    informer.start();
    return informer;
  }

  /// Whether all six kinds have been listed at least once, and what was listed then is known here.
  boolean synced() {
    return kindsRead.size() == PlaneKind.values().length;
  }

  Optional<Entry> find(PlaneRef ref) {
    synchronized (lock) {
      return Optional.ofNullable(entries.get(ref));
    }
  }

  /// Resources of that type and effective planeID that are not being deleted.
  List<Entry> of(PlaneKey key) {
    synchronized (lock) {
      return refsByKey.getOrDefault(key, Set.of()).stream()
          .map(entries::get)
          .filter(Objects::nonNull)
          .filter(entry -> !entry.deleting())
          .toList();
    }
  }

  private void planeSeen(Plane plane) {
    Set<PlaneKey> touched;
    synchronized (lock) {
      if (closed) {
        return;
      }
      var before = planes.put(plane.ref(), plane);
      if (before != null && sameTrust(before, plane)) {
        return;
      }
      followSecret(plane.ref(), before, plane);
      touched = refresh(plane.ref());
    }
    tell(touched);
  }

  private void planeGone(PlaneRef ref) {
    Set<PlaneKey> touched;
    synchronized (lock) {
      followSecret(ref, planes.remove(ref), null);
      touched = refresh(ref);
    }
    tell(touched);
  }

  private void secretSeen(SecretName name, @Nullable Secret secret) {
    var touched = new HashSet<PlaneKey>();
    synchronized (lock) {
      if (secret == null) {
        secrets.remove(name);
      } else if (secretInformers.containsKey(name)) {
        secrets.put(name, secret);
      }
      for (var ref : refsBySecret.getOrDefault(name, Set.of())) {
        touched.addAll(refresh(ref));
      }
      secretRead(name);
    }
    tell(touched);
  }

  private void tell(Set<PlaneKey> touched) {
    if (!touched.isEmpty()) {
      changed.accept(touched);
    }
  }

  /// Rebuilds one entry; tells which planes it belonged or belongs to, if anything changed.
  private Set<PlaneKey> refresh(PlaneRef ref) {
    var plane = planes.get(ref);
    var now = plane == null ? null : entryOf(plane);
    var before = now == null ? entries.remove(ref) : entries.put(ref, now);
    if (before != null) {
      drop(refsByKey, before.key(), ref);
    }
    if (now != null) {
      refsByKey.computeIfAbsent(now.key(), _ -> new HashSet<>()).add(ref);
    }
    var touched = new HashSet<PlaneKey>();
    if (before != null && !before.equals(now)) {
      touched.add(before.key());
    }
    if (plane != null && now != null && !now.equals(before)) {
      touched.add(now.key());
      tellProblem(now, plane);
    }
    return touched;
  }

  /// Not before the Secret has been asked for: until then nobody knows whether it is there.
  private void tellProblem(Entry entry, Plane plane) {
    if (!entry.problem().isEmpty() && secretOf(plane).map(secretsRead::contains).orElse(true)) {
      log.warn("{} trusts no agent: {}", entry.ref(), entry.problem());
    }
  }

  /// The hub has told of the Secret, or that there is none. Called with the lock; what comes later is told as it changes.
  private void secretRead(SecretName name) {
    if (!secretInformers.containsKey(name) || !secretsRead.add(name)) {
      return;
    }
    for (var ref : refsBySecret.getOrDefault(name, Set.of())) {
      var entry = entries.get(ref);
      var plane = planes.get(ref);
      if (entry != null && plane != null) {
        tellProblem(entry, plane);
      }
    }
  }

  /// The first answer of the hub about a Secret is in. Where there is one, it is on its way to [#secretSeen].
  private void secretListed(SecretName name, SharedIndexInformer<Secret> informer) {
    synchronized (lock) {
      if (informer.getIndexer().list().isEmpty()) {
        secretRead(name);
      }
    }
  }

  private Entry entryOf(Plane plane) {
    var ref = plane.ref();
    var key = new PlaneKey(ref.kind().type(), plane.effectivePlaneID());
    boolean deleting = plane.getMetadata().getDeletionTimestamp() != null;
    if (!Limits.isPlaneID(key.planeID())) {
      var problem = "its planeID '" + key.planeID()
          + "', taken from its name, is none; set spec.planeID to a DNS label of at most "
          + Limits.PLANE_ID_CHARS + " characters";
      return new Entry(ref, key, deleting, Optional.empty(), problem);
    }
    try {
      return new Entry(ref, key, deleting, Optional.of(bundle(plane)), "");
    } catch (CertificateProblem e) {
      return new Entry(ref, key, deleting, Optional.empty(), String.valueOf(e.getMessage()));
    }
  }

  /// `value` before `secretRef`, as v0.17 has it (reference: planes, section 4.2).
  private TrustBundle bundle(Plane plane) throws CertificateProblem {
    var clientCA = clientCA(plane);
    var value = clientCA.map(ClientCA::value).orElse("");
    if (!value.isBlank()) {
      return TrustBundle.parse(value);
    }
    var ref = clientCA.map(ClientCA::secretRef).orElse(null);
    var name = secretOf(plane)
        .orElseThrow(() -> new CertificateProblem(
            "spec.clusterAgent.clientCA: expected value or a complete secretRef, found neither"));
    var secret = secrets.get(name);
    var data = secret == null || secret.getData() == null || ref == null
        ? null
        : secret.getData().get(ref.key());
    if (data == null || data.isEmpty()) {
      throw new CertificateProblem("spec.clusterAgent.clientCA.secretRef: expected Secret "
          + name.namespace() + "/" + name.name() + " with the named key, found none");
    }
    return TrustBundle.ofSecretData(data);
  }

  private static Optional<ClientCA> clientCA(Plane plane) {
    return Optional.ofNullable(plane.getSpec())
        .flatMap(spec -> Optional.ofNullable(spec.clusterAgent()))
        .flatMap(agent -> Optional.ofNullable(agent.clientCA()));
  }

  private static Optional<SecretName> secretOf(Plane plane) {
    var clientCA = clientCA(plane).orElse(null);
    if (clientCA == null
        || clientCA.secretRef() == null
        || (clientCA.value() != null && !clientCA.value().isBlank())) {
      return Optional.empty();
    }
    var given = clientCA.secretRef();
    var namespace = given.namespace() != null && !given.namespace().isEmpty()
        ? given.namespace()
        : plane.getMetadata().getNamespace();
    if (namespace == null || given.name() == null || given.key() == null) {
      return Optional.empty();
    }
    return Optional.of(new SecretName(namespace, given.name()));
  }

  /// Whether the two differ in nothing that trust depends on: most changes of a plane are of its status.
  private static boolean sameTrust(Plane before, Plane now) {
    return Objects.equals(before.getSpec(), now.getSpec())
        && Objects.equals(
            before.getMetadata().getDeletionTimestamp(), now.getMetadata().getDeletionTimestamp());
  }

  /// Starts the informer of a Secret newly named and stops that of one nobody names any more.
  private void followSecret(PlaneRef ref, @Nullable Plane before, @Nullable Plane now) {
    var named = now == null ? Optional.<SecretName>empty() : secretOf(now);
    var dropped = Optional.ofNullable(before)
        .flatMap(PlaneTrust::secretOf)
        .filter(old -> !named.equals(Optional.of(old)));
    named.ifPresent(name -> {
      refsBySecret.computeIfAbsent(name, _ -> new HashSet<>()).add(ref);
      secretInformers.computeIfAbsent(name, this::informSecret);
    });
    dropped.ifPresent(name -> {
      drop(refsBySecret, name, ref);
      var unused = refsBySecret.containsKey(name) ? null : secretInformers.remove(name);
      if (unused != null) {
        unused.stop();
        secrets.remove(name);
        secretsRead.remove(name);
      }
    });
  }

  private static <K> void drop(Map<K, Set<PlaneRef>> index, K key, PlaneRef ref) {
    index.computeIfPresent(key, (_, refs) -> {
      refs.remove(ref);
      return refs.isEmpty() ? null : refs;
    });
  }

  private SharedIndexInformer<Secret> informSecret(SecretName name) {
    var informer =
        hubClient.secrets().inNamespace(name.namespace()).withName(name.name()).runnableInformer(0);
    informer.exceptionHandler((_, cause) -> {
      log.warn(
          "watching Secret {}/{} failed, trying again: {}",
          name.namespace(),
          name.name(),
          cause.toString());
      return true;
    });
    informer.addEventHandler(
        new Changes<>(secret -> secretSeen(name, secret), _ -> secretSeen(name, null), () -> {}));
    informer.start().thenRun(() -> secretListed(name, informer));
    return informer;
  }

  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      secretInformers.values().forEach(SharedIndexInformer::stop);
      secretInformers.clear();
    }
    planeInformers.forEach(SharedIndexInformer::stop);
  }

  /// Additions and updates are one thing here: what is seen now.
  ///
  /// @param listed run when everything of a list has been seen
  private record Changes<T>(Consumer<T> seen, Consumer<T> gone, Runnable listed)
      implements ResourceEventHandler<T> {
    @Override
    public void onList(String resourceVersion, boolean remainedEmpty) {
      listed.run();
    }

    @Override
    public void onAdd(T resource) {
      seen.accept(resource);
    }

    @Override
    public void onUpdate(T before, T resource) {
      seen.accept(resource);
    }

    @Override
    public void onDelete(T resource, boolean finalStateUnknown) {
      gone.accept(resource);
    }
  }
}
