package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// `-o` of the commands that list or get.
final class OutputOption {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      defaultValue = "table",
      description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  OutputFormat format = OutputFormat.TABLE;
}
