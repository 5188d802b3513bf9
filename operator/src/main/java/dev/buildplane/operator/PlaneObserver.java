package dev.buildplane.operator;

import dev.buildplane.model.Api;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.model.SecretKeyRef;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.plan.PlaneObserved;
import dev.buildplane.plan.PlaneObserved.ClientCA;
import dev.buildplane.plan.PlaneObserved.Observability;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import dev.buildplane.plan.PlaneObserved.Validity;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Secret;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// Reads everything a pass over a plane looks at, from caches.
final class PlaneObserver {
  private static final PlaneSpec NOTHING =
      new PlaneSpec(null, null, null, null, null, null, null, null);

  private final Hub hub;
  private final AgentRegistry registry;
  private final PlaneSessions sessions;
  private final InstantSource clock;

  PlaneObserver(Hub hub, AgentRegistry registry, PlaneSessions sessions, InstantSource clock) {
    this.hub = hub;
    this.registry = registry;
    this.sessions = sessions;
    this.clock = clock;
  }

  PlaneObserved observe(Plane plane) {
    var ref = plane.ref();
    var planeID = plane.effectivePlaneID();
    var spec = plane.getSpec() == null ? NOTHING : plane.getSpec();
    boolean deleting = plane.isMarkedForDeletion();
    return new PlaneObserved(
        ref,
        Optional.ofNullable(plane.getMetadata().getGeneration()).orElse(0L),
        spec,
        planeID,
        hub.status(plane).orElse(null),
        deleting,
        annotated(plane, Api.FORCE_DELETE),
        deleting ? unfinished(ref) : List.of(),
        clientCA(ref, spec),
        observability(ref, spec),
        registry.agents(ref, planeID),
        secretStore(ref, planeID, spec),
        clock.instant());
  }

  static boolean annotated(HasMetadata resource, String annotation) {
    var annotations = resource.getMetadata().getAnnotations();
    return annotations != null && "true".equals(annotations.get(annotation));
  }

  private List<String> unfinished(PlaneRef ref) {
    return hub.unfinished(ref)
        .filter(run -> !run.isMarkedForDeletion())
        .map(run -> run.getMetadata().getNamespace() + "/" + run.getMetadata().getName())
        .sorted()
        .toList();
  }

  private ClientCA clientCA(PlaneRef ref, PlaneSpec spec) {
    var agent = spec.clusterAgent();
    var clientCA = agent == null ? null : agent.clientCA();
    if (clientCA == null) {
      return new ClientCA.NotConfigured();
    }
    var value = clientCA.value();
    if (value != null && !value.isEmpty()) {
      return certificates(() -> TrustBundle.parse(value));
    }
    return clientCA.secretRef() == null
        ? new ClientCA.NotConfigured()
        : fromSecret(ref, clientCA.secretRef());
  }

  private ClientCA fromSecret(PlaneRef ref, SecretKeyRef reference) {
    var namespace = namespace(ref, reference);
    var name = reference.name() == null ? "" : reference.name();
    var key = reference.key() == null ? "" : reference.key();
    var secret = hub.secret(namespace, name);
    if (secret.isEmpty()) {
      return new ClientCA.SecretMissing(namespace, name);
    }
    Map<String, String> data = Optional.ofNullable(secret.get().getData()).orElse(Map.of());
    var encoded = data.get(key);
    if (encoded == null || encoded.isEmpty()) {
      return new ClientCA.KeyMissing(
          namespace, name, key, List.copyOf(new TreeSet<>(data.keySet())));
    }
    return certificates(() -> TrustBundle.ofSecretData(encoded));
  }

  private static String namespace(PlaneRef ref, SecretKeyRef reference) {
    if (reference.namespace() != null && !reference.namespace().isEmpty()) {
      return reference.namespace();
    }
    return ref.namespace() == null ? "" : ref.namespace();
  }

  /// Whether a plane takes its client CA from a Secret.
  static boolean names(Plane plane, Secret secret) {
    var spec = plane.getSpec();
    if (spec == null || spec.clusterAgent() == null || spec.clusterAgent().clientCA() == null) {
      return false;
    }
    var reference = spec.clusterAgent().clientCA().secretRef();
    return reference != null
        && secret.getMetadata().getName().equals(reference.name())
        && secret.getMetadata().getNamespace().equals(namespace(plane.ref(), reference));
  }

  /// Certificates on their way in.
  private interface Source {
    TrustBundle read() throws CertificateProblem;
  }

  private static ClientCA certificates(Source source) {
    try {
      return new ClientCA.Certificates(source.read().certificates().stream()
          .map(one -> new Validity(
              one.getSubjectX500Principal().getName(),
              one.getNotBefore().toInstant(),
              one.getNotAfter().toInstant()))
          .toList());
    } catch (CertificateProblem e) {
      return new ClientCA.Unreadable(String.valueOf(e.getMessage()));
    }
  }

  private Observability observability(PlaneRef ref, PlaneSpec spec) {
    if (!ref.kind().type().hasReferences()) {
      return new Observability.NotConfigured();
    }
    var target = target(ref, spec);
    boolean byDefault = spec.observabilityPlaneRef() == null;
    if (hub.plane(target).isPresent()) {
      return new Observability.Found(target, byDefault);
    }
    return byDefault ? new Observability.NotConfigured() : new Observability.Missing(target);
  }

  /// The observability plane a plane names, or the one called `default`.
  static PlaneRef target(PlaneRef ref, PlaneSpec spec) {
    var reference = spec.observabilityPlaneRef();
    var kind = Optional.ofNullable(reference)
        .flatMap(given -> Optional.ofNullable(given.kind()))
        .flatMap(PlaneKind::ofKind)
        .filter(ref.kind().observabilityKinds()::contains)
        .orElse(ref.kind().defaultObservabilityKind());
    var name =
        reference == null || reference.name() == null ? PlaneKind.DEFAULT_NAME : reference.name();
    return new PlaneRef(kind, kind.clusterScoped() ? null : ref.namespace(), name);
  }

  private SecretStore secretStore(PlaneRef ref, String planeID, PlaneSpec spec) {
    var reference = spec.secretStoreRef();
    return reference == null || reference.name() == null || !ref.kind().type().hasReferences()
        ? new SecretStore.NotConfigured()
        : sessions.store(ref, planeID, reference.name());
  }
}
