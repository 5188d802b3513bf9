package dev.buildplane.model;

import static java.util.Objects.requireNonNull;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Which plane resource: kind, namespace, name. Two are the same when all three are equal.
///
/// @param namespace absent exactly when the kind is cluster-scoped
public record PlaneRef(PlaneKind kind, @Nullable String namespace, String name)
    implements Comparable<PlaneRef> {
  private static final String CLUSTER_SEGMENT = "_cluster";

  public PlaneRef {
    requireNonNull(kind, "kind");
    requireNonNull(name, "name");
    if (kind.clusterScoped() != (namespace == null)) {
      throw new IllegalArgumentException(kind.kind() + " " + name + ": expected "
          + (kind.clusterScoped() ? "no namespace" : "a namespace") + ", found " + namespace);
    }
  }

  /// The key gateways authorise by: `/name` when cluster-scoped, else `namespace/name`.
  public String key() {
    return (namespace == null ? "" : namespace) + "/" + name;
  }

  /// The path segment that stands for the namespace in a proxy URL: the namespace, or `_cluster`.
  public String proxyNamespace() {
    return namespace == null ? CLUSTER_SEGMENT : namespace;
  }

  /// The plane of a type with that key, the inverse of [#key]; empty when the text is no key.
  public static Optional<PlaneRef> ofKey(PlaneType type, String key) {
    int slash = key.indexOf('/');
    if (slash < 0 || slash != key.lastIndexOf('/') || slash == key.length() - 1) {
      return Optional.empty();
    }
    var name = key.substring(slash + 1);
    return Optional.of(
        slash == 0
            ? new PlaneRef(PlaneKind.of(type, PlaneScope.CLUSTER), null, name)
            : new PlaneRef(
                PlaneKind.of(type, PlaneScope.NAMESPACED), key.substring(0, slash), name));
  }

  @Override
  public int compareTo(PlaneRef other) {
    int byKind = kind.compareTo(other.kind);
    return byKind != 0 ? byKind : key().compareTo(other.key());
  }

  /// As `kubectl` users type it: `clusterbuildplane/eu`, or `buildplane/eu in namespace prod`.
  @Override
  public String toString() {
    return kind.singular() + "/" + name + (namespace == null ? "" : " in namespace " + namespace);
  }
}
