package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.PlaneExamination.ClientCa;
import dev.buildplane.cli.PlaneExamination.Gateway;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane describe`.
@Command(
    name = "describe",
    description =
        "Tells everything about one plane: what was asked for, whom it trusts, its agents, conditions, events and runs.")
final class PlaneDescribeCommand extends HubCommand {
  /// Runs and events that are shown, the newest.
  private static final int SHOWN = 10;

  @Mixin
  PlaneArgument argument = new PlaneArgument();

  @Override
  public Integer call() {
    var plane = argument.plane();
    try (var client = hub.connect()) {
      var resource = PlaneGetCommand.require(client, plane);
      var seen = new PlaneExaminer(hub, client).withoutTunnel(plane, resource);
      facts(seen);
      trust(seen);
      agents(seen);
      section("Conditions", PlaneTable.conditions(resource));
      ifAllowed("Events", () -> events(client, resource));
      if (plane.kind().type() == PlaneType.BUILD) {
        ifAllowed("Runs", () -> runs(client, plane));
      }
    }
    out().flush();
    return ExitCode.OK.code();
  }

  private void facts(PlaneExamination seen) {
    var resource = seen.resource();
    var namespace = seen.plane().namespace();
    var given = resource.at("/spec/planeID").asText("");
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("Name:", seen.plane().name()));
    rows.add(List.of("Kind:", seen.plane().kind().kind()));
    if (namespace != null) {
      rows.add(List.of("Namespace:", namespace));
    }
    rows.add(List.of("Display name:", PlaneTable.annotation(resource, Api.DISPLAY_NAME)));
    rows.add(List.of("Description:", PlaneTable.annotation(resource, Api.DESCRIPTION)));
    rows.add(List.of("Created:", resource.at("/metadata/creationTimestamp").asText("-")));
    rows.add(List.of("Generation:", generation(resource)));
    rows.add(
        List.of("Plane ID:", seen.planeId() + (given.isEmpty() ? " (the resource's name)" : "")));
    if (seen.plane().kind().type().hasReferences()) {
      rows.add(List.of("Observability:", observability(seen)));
      rows.add(List.of(
          "Secret store:",
          Resources.orDash(resource.at("/spec/secretStoreRef/name").asText(""))));
    }
    rows.add(List.of("Proxy:", proxy(seen)));
    Resources.grid(out(), rows, "  ");
  }

  private static String generation(JsonNode resource) {
    return "%d, seen by the operator: %d"
        .formatted(
            resource.at("/metadata/generation").asLong(),
            resource.at("/status/observedGeneration").asLong());
  }

  private static String observability(PlaneExamination seen) {
    return switch (seen.observability()) {
      case PlaneExamination.Reference.NotConfigured _ -> "-";
      case PlaneExamination.Reference.Found(var plane) -> PlaneArgument.typed(plane);
      case PlaneExamination.Reference.Missing(var plane) ->
        PlaneArgument.typed(plane) + " (does not exist)";
      case PlaneExamination.Reference.Unread(var plane, var why) ->
        PlaneArgument.typed(plane) + " (" + why + ")";
    };
  }

  private static String proxy(PlaneExamination seen) {
    return "/api/proxy/%s/%s/%s/%s/k8s/"
        .formatted(
            seen.plane().kind().type().wire(),
            seen.planeId(),
            seen.plane().proxyNamespace(),
            seen.plane().name());
  }

  private void trust(PlaneExamination seen) {
    var told = switch (seen.clientCa()) {
      case ClientCa.Found(var source, var _) -> source.toString();
      case ClientCa.NotConfigured _ -> "not configured";
      case ClientCa.SecretMissing(var source) -> source + " (no such Secret)";
      case ClientCa.KeyMissing(var source, var present) -> source + " (keys: " + present + ")";
      case ClientCa.Unread(var source, var why) -> source + " (" + why + ")";
      case ClientCa.Unreadable(var source, var detail) -> source + " (" + detail + ")";
    };
    out().println("Client CA:  " + told);
    if (seen.clientCa() instanceof ClientCa.Found(var _, var bundle)) {
      for (var certificate : bundle.certificates()) {
        out().println("  " + Certificates.subject(certificate));
        out().println("    valid    " + validity(certificate));
        out().println("    SHA-256  " + Certificates.fingerprint(certificate));
      }
    }
  }

  private void agents(PlaneExamination seen) {
    switch (seen.gateway()) {
      case Gateway.Unreachable(var why) -> out().println("Agents:  not known, " + why);
      case Gateway.Refused(var _, var _, var why) -> out().println("Agents:  not known, " + why);
      case Gateway.Told told -> {
        var rows = new ArrayList<List<String>>();
        rows.add(
            List.of("HOSTNAME", "VERSION", "CONNECTED", "LAST SEEN", "MAY SERVE", "CERTIFICATE"));
        told.agents().forEach(agent -> rows.add(row(seen.plane(), agent)));
        section("Agents", rows);
        told.turnedAway().ifPresent(rejection -> {
          out().println();
          out()
              .println("Turned away %s ago: %s: %s"
                  .formatted(
                      Resources.since(rejection.at().toString()),
                      rejection.subject(),
                      rejection.reason()));
        });
      }
    }
  }

  private static List<String> row(PlaneRef plane, GatewaySnapshot.Connected agent) {
    return List.of(
        agent.said().getOrDefault("hostname", "-"),
        agent.said().getOrDefault("version", "-"),
        Resources.since(agent.since().toString()),
        Resources.since(agent.lastSeen().toString()),
        agent.serves(plane) ? "yes" : "no",
        agent
            .certificate()
            .map(one -> Certificates.subject(one) + ", until " + Certificates.notAfter(one))
            .orElse("-"));
  }

  private static List<List<String>> events(KubernetesClient client, JsonNode resource) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("LAST SEEN", "TYPE", "REASON", "COUNT", "MESSAGE"));
    client
        .v1()
        .events()
        .inAnyNamespace()
        .withField("involvedObject.uid", resource.at("/metadata/uid").asText())
        .list()
        .getItems()
        .stream()
        .sorted(Comparator.comparing(PlaneDescribeCommand::lastSeen).reversed())
        .limit(SHOWN)
        .forEach(event -> rows.add(List.of(
            Resources.since(lastSeen(event)),
            Objects.requireNonNullElse(event.getType(), "-"),
            Objects.requireNonNullElse(event.getReason(), "-"),
            Integer.toString(Objects.requireNonNullElse(event.getCount(), 1)),
            Objects.requireNonNullElse(event.getMessage(), "-"))));
    return rows;
  }

  private static String lastSeen(Event event) {
    if (event.getLastTimestamp() != null) {
      return event.getLastTimestamp();
    }
    return event.getEventTime() == null
        ? event.getMetadata().getCreationTimestamp()
        : event.getEventTime().getTime();
  }

  private static List<List<String>> runs(KubernetesClient client, PlaneRef plane) {
    var all =
        Resources.all(client, Resources.WORKFLOW_RUN).inAnyNamespace().list().getItems().stream()
            .map(Resources::json)
            .filter(
                run -> PlanePin.of(run).filter(pin -> pin.plane().equals(plane)).isPresent())
            .sorted(Comparator.comparing(
                    (JsonNode run) -> run.at("/metadata/creationTimestamp").asText())
                .reversed())
            .toList();
    var phases = all.stream()
        .collect(Collectors.groupingBy(RunCommand::phase, TreeMap::new, Collectors.counting()));
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("NAMESPACE", "NAME", "STATUS", "AGE"));
    all.stream()
        .limit(SHOWN)
        .forEach(run -> rows.add(List.of(
            run.at("/metadata/namespace").asText(),
            run.at("/metadata/name").asText(),
            RunCommand.phase(run),
            Resources.since(run.at("/metadata/creationTimestamp").asText("")))));
    if (all.size() > SHOWN) {
      rows.add(List.of("...", "all: " + all.size() + " " + phases, "", ""));
    }
    return rows;
  }

  /// Who may not see a part of it sees the rest.
  private void ifAllowed(String title, Supplier<List<List<String>>> rows) {
    try {
      section(title, rows.get());
    } catch (KubernetesClientException refused) {
      out().println();
      out().println(title + ":  not known, " + Problems.explain(refused).getMessage());
    }
  }

  private void section(String title, List<List<String>> rows) {
    out().println();
    if (rows.size() == 1) {
      out().println(title + ":  none");
      return;
    }
    out().println(title + ":");
    Resources.grid(
        out(),
        rows.stream()
            .map(row -> {
              var indented = new ArrayList<>(row);
              indented.set(0, "  " + row.getFirst());
              return List.<String>copyOf(indented);
            })
            .toList(),
        "   ");
  }

  private static String validity(X509Certificate certificate) {
    return "from " + certificate.getNotBefore().toInstant() + " to "
        + Certificates.notAfter(certificate);
  }
}
