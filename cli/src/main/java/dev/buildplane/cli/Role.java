package dev.buildplane.cli;

/// The processes of a standalone installation.
enum Role {
  CONTROL_PLANE("control-plane", 512, 192),
  BUILD_PLANE("build-plane", 320, 128),
  GATEWAY("gateway", 160, 96);

  private final String label;
  private final int heapMebibytes;
  private final int directMebibytes;

  Role(String label, int heapMebibytes, int directMebibytes) {
    this.label = label;
    this.heapMebibytes = heapMebibytes;
    this.directMebibytes = directMebibytes;
  }

  /// Its name on the command line, in file names and messages.
  String label() {
    return label;
  }

  int heapMebibytes() {
    return heapMebibytes;
  }

  int directMebibytes() {
    return directMebibytes;
  }
}
