package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// `-n` of the commands on runs, as kubectl has it.
final class NamespaceOption {
  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAMESPACE",
      defaultValue = "default",
      description = "Namespace of the run (default: ${DEFAULT-VALUE})")
  String namespace = "default";
}
