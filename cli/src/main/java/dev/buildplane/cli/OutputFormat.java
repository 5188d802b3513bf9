package dev.buildplane.cli;

/// `-o` of the commands that list or get.
enum OutputFormat {
  TABLE,
  WIDE,
  NAME,
  JSON,
  YAML
}
