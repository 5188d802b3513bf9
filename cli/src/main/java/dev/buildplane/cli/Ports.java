package dev.buildplane.cli;

import picocli.CommandLine.Mixin;

/// The ports of a standalone installation.
final class Ports {
  @Mixin
  ControlPlanePorts controlPlane = new ControlPlanePorts();

  @Mixin
  BuildPlanePort buildPlane = new BuildPlanePort();

  void requireFree() {
    controlPlane.requireFree();
    buildPlane.requireFree();
  }
}
