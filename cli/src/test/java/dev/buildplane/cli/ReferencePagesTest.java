package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.HttpLimits;
import dev.buildplane.http.LogBudget;
import dev.buildplane.http.Route;
import dev.buildplane.metrics.Metric;
import dev.buildplane.model.Crds;
import dev.buildplane.tunnel.TunnelSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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
  void theLimitsPageIsUpToDate() throws IOException {
    var http = HttpLimits.DEFAULT;
    var page = new StringBuilder("""
        # Limits of the network

        Rendered from the constants. What goes past one is answered or cut, never queued.

        ## Every listener: agents, callers, health, API server

        | what | limit | beyond |
        |---|---|---|
        """);
    limit(page, "request line (HTTP/1.1)", bytes(http.initialLineBytes()), "414");
    limit(page, "header block", bytes(http.headerBytes()), "431, or the stream or connection ends");
    limit(page, "header lines", http.headerLines(), "431");
    limit(page, "request body", bytes(Route.DEFAULT_MAX_BODY_BYTES), "413");
    limit(page, "request body of `/api/proxy/`", "none", "it streams; windows hold it back");
    limit(page, "WebSocket message", bytes(Route.DEFAULT_MAX_MESSAGE_BYTES), "close code 1009");
    limit(page, "TLS handshake", seconds(http.tlsHandshake()), "cut");
    limit(page, "request head, or HTTP/2 preface", seconds(http.headerRead()), "408, or cut");
    limit(
        page,
        "rest without a request, silence inside a body, answer not taken",
        seconds(http.idle()),
        "408, or cut");
    limit(page, "connections", http.connections(), "closed at accept");
    limit(page, "connections of one address", http.connectionsPerAddress(), "closed at accept");
    limit(page, "interim answers (102, 103) for a request", AsyncExchange.MAX_INTERIM, "dropped");
    limit(
        page,
        "log lines that strangers cause, of a kind within " + seconds(LogBudget.WINDOW),
        LogBudget.LINES,
        "counted");
    limit(page, "blocking requests in progress", http.requestsInFlight(), "503");
    limit(page, "time to finish when the server stops", seconds(http.drain()), "cut");
    page.append("\n## HTTP/2 of every TLS listener\n\n| what | limit | beyond |\n|---|---|---|\n");
    limit(
        page,
        "streams of a connection (`SETTINGS_MAX_CONCURRENT_STREAMS`)",
        http.streamsPerConnection(),
        "`REFUSED_STREAM`");
    limit(page, "window of a stream", bytes(http.streamWindowBytes()), "`FLOW_CONTROL_ERROR`");
    limit(
        page,
        "header list (`SETTINGS_MAX_HEADER_LIST_SIZE`)",
        bytes(http.headerBytes()),
        "431, or GOAWAY");
    limit(
        page,
        "RST_STREAM frames, sent or provoked, within " + seconds(http.resetWindow()),
        http.resetsPerWindow(),
        "`ENHANCE_YOUR_CALM`");
    limit(
        page,
        "PING, SETTINGS, PRIORITY and unknown frames within "
            + seconds(HttpLimits.CONTROL_FRAME_WINDOW),
        HttpLimits.CONTROL_FRAMES_PER_WINDOW,
        "`ENHANCE_YOUR_CALM`");
    limit(
        page,
        "header table of our encoder",
        bytes(HttpLimits.ENCODER_TABLE_BYTES),
        "no more is used, whatever the caller allows");
    limit(page, "extended CONNECT", "on for callers of the gateway, else off", "`PROTOCOL_ERROR`");
    limit(page, "server push", "off", "`PROTOCOL_ERROR`");
    var tunnel = TunnelSettings.defaults();
    page.append("\n## Tunnels\n\n| what | limit | beyond |\n|---|---|---|\n");
    limit(page, "streams of a tunnel", tunnel.maxConcurrentStreams(), "another tunnel, or 503");
    limit(page, "window of a stream", bytes(tunnel.streamWindowBytes()), "the sender waits");
    limit(page, "header list", bytes(tunnel.maxHeaderListBytes()), "the stream ends");
    limit(
        page,
        "PING, SETTINGS and the like within " + seconds(TunnelSettings.CONTROL_FRAME_WINDOW),
        TunnelSettings.CONTROL_FRAMES_PER_WINDOW,
        "the tunnel ends");
    limit(
        page,
        "header table of our encoder",
        bytes(TunnelSettings.ENCODER_TABLE_BYTES),
        "no more is used, whatever the peer allows");
    limit(page, "silence", seconds(tunnel.silenceLimit()), "the tunnel ends");
    limit(page, "PING", "every " + seconds(tunnel.pingInterval()), "");
    limit(page, "WebSocket control frame", bytes(125), "close code 1009");
    limit(page, "WebSocket extensions (compression)", "none", "never negotiated; close code 1002");
    assertUpToDate(REFERENCE.resolve("limits.md"), page.toString());
  }

  private static void limit(StringBuilder page, String what, Object limit, String beyond) {
    page.append("| %s | %s | %s |\n".formatted(what, limit, beyond));
  }

  private static String bytes(long count) {
    return count % (1 << 20) == 0
        ? (count >> 20) + " MiB"
        : count % 1024 == 0 ? (count >> 10) + " KiB" : count + " bytes";
  }

  private static String seconds(Duration duration) {
    return duration.toSeconds() + " s";
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

        Rendered from the code. Prometheus text at `/metrics` of the health port (gateway and operator 8080, agent 8081), in the clear and without
        authentication: keep that port inside the cluster. Timers are histograms with `_bucket`, `_sum` and `_count`.

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
