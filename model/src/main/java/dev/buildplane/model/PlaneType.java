package dev.buildplane.model;

import java.util.Optional;

/// What a plane is for. The wire name is what agents send as `planeType` and what proxy URLs carry; the namespaced and
/// the cluster-scoped kind of a type share it (`reference/planes.md` section 1).
public enum PlaneType {
  BUILD("buildplane", true),
  DATA("dataplane", true),
  OBSERVABILITY("observabilityplane", false);

  private final String wire;
  private final boolean references;

  PlaneType(String wire, boolean references) {
    this.wire = wire;
    this.references = references;
  }

  /// `buildplane`, `dataplane` or `observabilityplane`.
  public String wire() {
    return wire;
  }

  /// Whether planes of this type may name a secret store and an observability plane.
  public boolean hasReferences() {
    return references;
  }

  /// The type with that wire name, compared exactly; empty when there is none.
  public static Optional<PlaneType> ofWire(String wire) {
    for (var type : values()) {
      if (type.wire.equals(wire)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
