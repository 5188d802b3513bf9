package dev.buildplane.model;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The six plane kinds as data: [PlaneType] times [PlaneScope]. The only place that knows how many there are; every
/// difference between two kinds is a value asked of this enum (`reference/planes.md` section 1 and 3.1).
public enum PlaneKind {
  CLUSTER_BUILD(ClusterBuildPlane.class, PlaneType.BUILD, PlaneScope.CLUSTER, "Buildplane", "cbp"),
  BUILD(BuildPlane.class, PlaneType.BUILD, PlaneScope.NAMESPACED, "Buildplane", ""),
  CLUSTER_DATA(
      ClusterDataPlane.class, PlaneType.DATA, PlaneScope.CLUSTER, "ClusterDataplane", "cdp"),
  DATA(DataPlane.class, PlaneType.DATA, PlaneScope.NAMESPACED, "Dataplane", "dp"),
  CLUSTER_OBSERVABILITY(
      ClusterObservabilityPlane.class,
      PlaneType.OBSERVABILITY,
      PlaneScope.CLUSTER,
      "Observabilityplane",
      "cop"),
  OBSERVABILITY(
      ObservabilityPlane.class,
      PlaneType.OBSERVABILITY,
      PlaneScope.NAMESPACED,
      "Observabilityplane",
      "");

  /// Name of the observability plane looked up when none is named.
  public static final String DEFAULT_NAME = "default";

  private final Class<? extends Plane> resourceClass;
  private final PlaneType type;
  private final PlaneScope scope;
  private final String title;
  private final String shortName;

  PlaneKind(
      Class<? extends Plane> resourceClass,
      PlaneType type,
      PlaneScope scope,
      String title,
      String shortName) {
    this.resourceClass = resourceClass;
    this.type = type;
    this.scope = scope;
    this.title = title;
    this.shortName = shortName;
  }

  /// The resource class of this kind, as fabric8 clients and informers want it.
  public Class<? extends Plane> resourceClass() {
    return resourceClass;
  }

  public PlaneType type() {
    return type;
  }

  public PlaneScope scope() {
    return scope;
  }

  public boolean clusterScoped() {
    return scope == PlaneScope.CLUSTER;
  }

  /// `ClusterBuildPlane` and so on.
  public String kind() {
    return resourceClass.getSimpleName();
  }

  /// `clusterbuildplanes` and so on.
  public String plural() {
    return singular() + "s";
  }

  /// `clusterbuildplane` and so on, as `kubectl` users type it.
  public String singular() {
    return kind().toLowerCase(Locale.ROOT);
  }

  /// Short names `kubectl` takes: none, or one and its plural.
  public List<String> shortNames() {
    return shortName.isEmpty() ? List.of() : List.of(shortName, shortName + "s");
  }

  /// `openchoreo.dev/clusterbuildplane-cleanup` and so on.
  public String finalizer() {
    return Api.GROUP + "/" + singular() + "-cleanup";
  }

  /// Reason of the `Created` condition, as v0.17 writes it.
  public String createdReason() {
    return kind() + "Created";
  }

  /// Message of the `Created` condition, as v0.17 writes it.
  public String createdMessage() {
    return title + " is created";
  }

  /// Kind assumed for an `observabilityPlaneRef` without one: the seed and the documentation of v0.17.
  public PlaneKind defaultObservabilityKind() {
    return clusterScoped() ? CLUSTER_OBSERVABILITY : OBSERVABILITY;
  }

  /// Kinds an `observabilityPlaneRef` may name, the default first.
  public List<PlaneKind> observabilityKinds() {
    return clusterScoped()
        ? List.of(CLUSTER_OBSERVABILITY)
        : List.of(OBSERVABILITY, CLUSTER_OBSERVABILITY);
  }

  /// The kind of that name, compared exactly; empty when there is none.
  public static Optional<PlaneKind> ofKind(String kind) {
    return Arrays.stream(values())
        .filter(candidate -> candidate.kind().equals(kind))
        .findFirst();
  }

  /// The kind of a type in a scope. There is one for each of the six pairs.
  public static PlaneKind of(PlaneType type, PlaneScope scope) {
    for (var kind : values()) {
      if (kind.type == type && kind.scope == scope) {
        return kind;
      }
    }
    throw new IllegalStateException("no plane kind has " + type + " and " + scope);
  }

  /// The kind of a resource.
  public static PlaneKind of(Plane plane) {
    return Arrays.stream(values())
        .filter(kind -> kind.resourceClass.isInstance(plane))
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException("no plane kind has the class " + plane.getClass()));
  }
}
