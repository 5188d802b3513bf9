package dev.buildplane.cli;

/// One process of a standalone installation. The first gateway is part of the control plane; further ones are processes of
/// their own, numbered from 2.
record Member(Role role, int index) {
  static final Member CONTROL_PLANE = new Member(Role.CONTROL_PLANE, 1);
  static final Member BUILD_PLANE = new Member(Role.BUILD_PLANE, 1);

  static Member gateway(int index) {
    return new Member(Role.GATEWAY, index);
  }

  /// Its name in file names and messages.
  String label() {
    return index == 1 ? role.label() : role.label() + "-" + index;
  }
}
