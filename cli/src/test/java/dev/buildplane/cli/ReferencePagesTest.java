package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.metrics.Metric;
import dev.buildplane.model.Crds;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/// The reference pages are rendered from the code, so that they cannot say anything else than it does.
class ReferencePagesTest {
  private static final Path REFERENCE =
      Path.of("").toAbsolutePath().getParent().resolve("docs/reference");
  private static final int WIDTH = 110;

  @Test
  void theCommandPageIsUpToDate() throws IOException {
    var page = new StringBuilder("""
        # Commands

        Rendered from the code; every command prints its part with `--help`.

        """);
    var root = Main.commandLine();
    command(page, root, "##");
    page.append("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (var code : ExitCode.values()) {
      page.append("| %d | %s |\n".formatted(code.code(), code.meaning()));
    }
    assertUpToDate(REFERENCE.resolve("commands.md"), page.toString());
  }

  private static void command(StringBuilder page, CommandLine command, String heading) {
    command.setUsageHelpWidth(WIDTH);
    var usage = new StringWriter();
    command.usage(new PrintWriter(usage), Ansi.OFF);
    page.append("%s `%s`\n\n```\n%s```\n\n"
        .formatted(
            heading,
            command.getCommandSpec().qualifiedName(),
            usage.toString().replaceAll("(?m)[ \t]+$", "")));
    var seen = new HashSet<CommandLine>();
    command.getSubcommands().values().stream()
        .filter(sub -> seen.add(sub) && !sub.getCommandName().equals("help"))
        .forEach(sub -> command(page, sub, "###"));
  }

  @Test
  void theResourcePageIsUpToDate() throws IOException {
    var page = new StringBuilder("""
        # Resources

        Rendered from the CustomResourceDefinitions; `kubectl explain` shows the same. Required fields are bold; of fields named in
        several places the first is explained.
        """);
    for (var plural : Crds.plurals()) {
      kind(page, Resources.YAML.readTree(Crds.yaml(plural)));
    }
    assertUpToDate(REFERENCE.resolve("resources.md"), page.toString());
  }

  private static void kind(StringBuilder page, JsonNode crd) {
    var names = crd.at("/spec/names");
    page.append("\n## %s\n\n".formatted(names.path("kind").asText()));
    page.append("`%s`".formatted(names.path("plural").asText()));
    names.path("shortNames").forEach(name -> page.append(", `%s`".formatted(name.asText())));
    page.append("; %s.\n\n"
        .formatted(
            crd.at("/spec/scope").asText().equals("Cluster") ? "cluster-scoped" : "namespaced"));
    page.append("| field | type | description |\n|---|---|---|\n");
    var schema = crd.at("/spec/versions/0/schema/openAPIV3Schema");
    fields(page, schema.at("/properties/spec"), "spec", required(schema).contains("spec"));
    fields(page, schema.at("/properties/status"), "status", false);
  }

  private static void fields(StringBuilder page, JsonNode schema, String path, boolean required) {
    if (schema.isMissingNode()) {
      return;
    }
    var name = required ? "**`" + path + "`**" : "`" + path + "`";
    page.append("| %s | %s | %s |\n"
        .formatted(
            name,
            type(schema),
            (schema.path("description").asText("") + constraints(schema))
                .replace("|", "\\|")
                .replace("\n", " ")));
    var items = schema.path("items");
    var inner = items.isObject() ? items : schema;
    var innerPath = items.isObject() ? path + "[]" : path;
    var needed = required(inner);
    inner
        .path("properties")
        .properties()
        .forEach(field -> fields(
            page,
            field.getValue(),
            innerPath + "." + field.getKey(),
            needed.contains(field.getKey())));
  }

  @Test
  void theMetricsPageIsUpToDate() throws IOException {
    var page = new StringBuilder("""
        # Metrics

        Rendered from the code. Prometheus text at `/metrics` of the health port (8080), in the clear and without authentication:
        keep that port inside the cluster. Timers are histograms with `_bucket`, `_sum` and `_count`.

        | name | type | labels | meaning | when to act |
        |---|---|---|---|---|
        """);
    for (var metric : Metric.values()) {
      page.append("| `%s` | %s | %s | %s | %s |\n"
          .formatted(
              metric.id(),
              metric.type().name().toLowerCase(Locale.ROOT),
              metric.labels().isEmpty() ? "" : "`" + String.join("`, `", metric.labels()) + "`",
              metric.help(),
              metric.action()));
    }
    assertUpToDate(REFERENCE.resolve("metrics.md"), page.toString());
  }

  private static Set<String> required(JsonNode schema) {
    var names = new HashSet<String>();
    schema.path("required").forEach(name -> names.add(name.asText()));
    return names;
  }

  private static String type(JsonNode schema) {
    if (schema.path("type").asText("").equals("array")) {
      return "array of " + type(schema.path("items"));
    }
    if (schema.has("additionalProperties")) {
      return "map of " + type(schema.path("additionalProperties"));
    }
    var type = schema.path("type").asText("any");
    return schema.has("format") ? type + " (" + schema.path("format").asText() + ")" : type;
  }

  private static String constraints(JsonNode schema) {
    var text = new StringBuilder();
    if (schema.has("default")) {
      text.append(" Default: `").append(schema.get("default")).append("`.");
    }
    if (schema.has("enum")) {
      text.append(" One of: ").append(schema.get("enum")).append('.');
    }
    if (schema.has("pattern")) {
      text.append(" Pattern: `").append(schema.get("pattern").asText()).append("`.");
    }
    if (schema.has("maxLength")) {
      text.append(" At most ").append(schema.get("maxLength")).append(" characters.");
    }
    schema
        .path("x-kubernetes-validations")
        .forEach(
            rule -> text.append(" Rule: ").append(rule.path("message").asText()).append('.'));
    return text.toString();
  }

  /// Rewrites a stale page, then fails: the fix is to read the difference and commit it.
  private static void assertUpToDate(Path page, String rendered) throws IOException {
    if (Files.exists(page) && Files.readString(page).equals(rendered)) {
      return;
    }
    Files.createDirectories(page.getParent());
    Files.writeString(page, rendered);
    fail("%s was stale and has been rewritten; review and commit it", page);
  }
}
