package dev.buildplane.model;

/// Where objects of a plane kind live.
public enum PlaneScope {
  CLUSTER,
  NAMESPACED
}
