package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import picocli.CommandLine.Option;

/// `-o` of the commands that report what they found or did.
final class ReportOption {
  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      defaultValue = "text",
      description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  Format format = Format.TEXT;

  /// How the report is printed.
  enum Format {
    TEXT,
    JSON,
    YAML
  }

  /// Prints the report, as text by `text` or from `tree`.
  void print(PrintWriter out, JsonNode tree, Runnable text) {
    switch (format) {
      case TEXT -> text.run();
      case JSON -> out.println(Resources.jsonText(tree));
      case YAML -> out.print(Resources.yamlText(tree));
    }
    out.flush();
  }
}
