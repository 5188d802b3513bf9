package dev.buildplane.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.PlaneRef;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane doctor`.
@Command(
    name = "doctor",
    description = {
      "Says why a plane is not Ready, and the command that mends it.",
      "",
      "Looks at the resource, the client CA, the gateway, the agent and its certificate, the tunnel, the agent's rights, the observability plane and the secret store, in the order in which builds depend on them. Exit code 0 when all is well, 1 when something is wrong."
    })
final class PlaneDoctorCommand extends HubCommand {
  @Mixin
  PlaneArgument argument = new PlaneArgument();

  @Mixin
  ReportOption report = new ReportOption();

  @Override
  public Integer call() {
    var plane = argument.plane();
    var checks = checks(plane);
    report.print(out(), tree(PlaneArgument.typed(plane), checks), () -> text(checks));
    return (PlaneDiagnosis.healthy(checks) ? ExitCode.OK : ExitCode.FAILED).code();
  }

  private List<PlaneCheck> checks(PlaneRef plane) {
    try (var client = hub.connect()) {
      return PlaneGetCommand.find(client, plane)
          .map(resource -> PlaneDiagnosis.of(
              new PlaneExaminer(hub, client).examine(plane, resource), hub.commands()))
          .orElseGet(() -> PlaneDiagnosis.missing(plane, hub.commands()));
    }
  }

  private void text(List<PlaneCheck> checks) {
    var width = checks.stream().mapToInt(check -> check.about().length()).max().orElse(0);
    for (var check : checks) {
      var problem = check.result() == PlaneCheck.Result.PROBLEM;
      var about = check.about() + " ".repeat(width - check.about().length());
      out()
          .println("%-8s %s   %s"
              .formatted(
                  check.result().label(),
                  about,
                  problem ? "expected " + check.expected() : check.found()));
      if (problem) {
        var indent = " ".repeat(8 + 1 + width + 3);
        out().println(indent + "found " + check.found());
        out().println(indent + "mend it with:");
        out().println(indent + "  " + check.mend());
      }
    }
  }

  private static ObjectNode tree(String plane, List<PlaneCheck> checks) {
    var tree = Resources.JSON.createObjectNode().put("plane", plane);
    tree.put("healthy", PlaneDiagnosis.healthy(checks));
    var list = tree.putArray("checks");
    for (var check : checks) {
      list.addObject()
          .put("check", check.about())
          .put("result", check.result().label())
          .put("expected", check.expected())
          .put("found", check.found())
          .put("mend", check.mend());
    }
    return tree;
  }
}
