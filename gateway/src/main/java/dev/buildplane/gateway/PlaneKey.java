package dev.buildplane.gateway;

import static java.util.Objects.requireNonNull;

import dev.buildplane.model.PlaneType;

/// What an agent says it serves: a type and a planeID. Several resources may share one.
record PlaneKey(PlaneType type, String planeID) {
  PlaneKey {
    requireNonNull(type, "type");
    requireNonNull(planeID, "planeID");
  }

  @Override
  public String toString() {
    return type.wire() + "/" + planeID;
  }
}
