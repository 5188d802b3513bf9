package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// `-h, --help`, the same everywhere.
final class HelpOption {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help")
  boolean asked;
}
