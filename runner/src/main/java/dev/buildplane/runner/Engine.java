package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Decides what a workflow's status is and what to do next. Pure: the same observation gives the same decision.
///
/// Level-driven: the node tree in the stored status is the memory, the observed steps are the facts; what woke the runner is no input. Each
/// pass walks the whole tree from its entry point and stops at what is not done. A terminal phase is final.
final class Engine {
  private static final Set<String> TERMINAL = Set.of(Nodes.SUCCEEDED, Nodes.FAILED, Nodes.ERROR);

  private final Observed seen;
  private final ObjectNode status;

  private Engine(Observed seen) {
    this.seen = seen;
    this.status = seen.workflow().get("status") instanceof ObjectNode known
        ? known.deepCopy()
        : JsonNodeFactory.instance.objectNode();
  }

  static Decision decide(Observed seen) {
    return new Engine(seen).decide();
  }

  static boolean isTerminal(JsonNode workflow) {
    return TERMINAL.contains(workflow.path("status").path("phase").asText());
  }

  private Decision decide() {
    var nodes = new Nodes(seen.name(), status.withObjectProperty("nodes"), seen.now());
    var templates = new Templates(seen, status);
    if (isTerminal(seen.workflow())) {
      return afterwards(templates);
    }
    if (!status.hasNonNull("startedAt")) {
      status
          .put("phase", Nodes.RUNNING)
          .put("startedAt", Nodes.time(seen.now()))
          .putNull("finishedAt");
    }
    try {
      var spec = templates.spec();
      Supported.checkWorkflow(spec);
      var pass = new Pass(seen, spec, nodes, templates, new Tags(Parameters.globals(seen, spec)));
      return walk(pass);
    } catch (StepProblem problem) {
      return new Decision(ended(Nodes.ERROR, problem.text(), nodes), List.of(), Optional.empty());
    }
  }

  private Decision walk(Pass pass) throws StepProblem {
    checkDeadline(pass);
    checkShutdown(pass);
    var execution = new Execution(pass);
    var entry = pass.spec.path("entrypoint").asText();
    if (entry.isEmpty()) {
      throw new StepProblem("spec.entrypoint is missing; name the template to start with");
    }
    var local = "local/" + seen.name();
    var main = execution.run(new Call(
        seen.name(), seen.name(), pass.templates.named(entry, local, pass.spec), Map.of(), "", 0));
    recordClaims(pass);
    if (!Nodes.isDone(main)) {
      return running(pass);
    }
    stopStragglers(pass);
    return exit(pass, main);
  }

  private void checkDeadline(Pass pass) throws StepProblem {
    var limit = pass.spec.path("activeDeadlineSeconds");
    if (limit.isMissingNode() || limit.isNull()) {
      return;
    }
    var end = Instant.parse(status.path("startedAt").asText())
        .plus(Durations.of(limit, "spec.activeDeadlineSeconds"));
    if (pass.now().isBefore(end)) {
      pass.wakeAt(end);
    } else {
      pass.stop("Step exceeded its deadline");
    }
  }

  private static void checkShutdown(Pass pass) {
    var strategy = pass.spec.path("shutdown").asText();
    if (!strategy.isEmpty()) {
      pass.stop("Stopped with strategy '" + strategy + "'");
    }
  }

  /// A node that failed for reasons of its own may leave siblings running; nothing outlives its workflow.
  private static void stopStragglers(Pass pass) {
    for (var node : pass.nodes.tree()) {
      if (Nodes.isPod(node) && !Nodes.isDone(node)) {
        var reason = "Stopped: the workflow has ended";
        pass.actions.add(new Action.Kill(node.path("id").asText(), reason));
        pass.nodes.finish((ObjectNode) node, Nodes.FAILED, reason);
      }
    }
  }

  private Decision exit(Pass pass, ObjectNode main) throws StepProblem {
    var phase = Nodes.phase(main);
    var message = main.path("message").asText();
    var handler = pass.spec.path("onExit").asText();
    if (!handler.isEmpty() && !"Terminate".equals(pass.spec.path("shutdown").asText())) {
      pass.resumeForExitHandler();
      var exitPass = new Pass(
          seen,
          pass.spec,
          pass.nodes,
          pass.templates,
          pass.globals.plus(Map.of("workflow.status", phase)));
      var name = seen.name() + ".onExit";
      var node = new Execution(exitPass)
          .run(new Call(
              name,
              name,
              pass.templates.named(handler, "local/" + seen.name(), pass.spec),
              Map.of(),
              "",
              0));
      pass.actions.addAll(exitPass.actions);
      exitPass.wakeAt().ifPresent(pass::wakeAt);
      if (!Nodes.isDone(node)) {
        return running(pass);
      }
      if (Nodes.isBad(node) && !Nodes.isBad(main)) {
        phase = Nodes.phase(node);
        message = node.path("message").asText();
      }
    }
    var ended = ended(phase.equals(Nodes.SKIPPED) ? Nodes.SUCCEEDED : phase, message, pass.nodes);
    if (main.has("outputs")) {
      ended.set("outputs", main.get("outputs"));
    }
    timeToLive(pass.spec).ifPresent(pass::wakeAt);
    return new Decision(ended, pass.actions, pass.wakeAt());
  }

  private Decision running(Pass pass) {
    status.put("phase", Nodes.RUNNING);
    status.put("progress", pass.nodes.progress());
    var podRunning = false;
    for (var node : pass.nodes.tree()) {
      podRunning |= Nodes.isPod(node) && Nodes.phase(node).equals(Nodes.RUNNING);
    }
    condition("PodRunning", podRunning);
    return new Decision(status, pass.actions, pass.wakeAt());
  }

  private ObjectNode ended(String phase, String message, Nodes nodes) {
    status.put("phase", phase).put("finishedAt", Nodes.time(seen.now()));
    status.put("progress", nodes.progress());
    if (message.isEmpty()) {
      status.remove("message");
    } else {
      status.put("message", message);
    }
    condition("PodRunning", false);
    condition("Completed", true);
    return status;
  }

  private void condition(String type, boolean holds) {
    var conditions = status.withArrayProperty("conditions");
    for (var condition : conditions) {
      if (condition.path("type").asText().equals(type)) {
        ((ObjectNode) condition).put("status", holds ? "True" : "False");
        return;
      }
    }
    conditions.addObject().put("type", type).put("status", holds ? "True" : "False");
  }

  private void recordClaims(Pass pass) {
    var claims = new ArrayList<String>();
    pass.spec
        .path("volumeClaimTemplates")
        .forEach(claim -> claims.add(claim.path("metadata").path("name").asText()));
    if (!claims.isEmpty() && !status.has("persistentVolumeClaims")) {
      var list = status.putArray("persistentVolumeClaims");
      claims.forEach(claim -> list.addObject()
          .put("name", claim)
          .putObject("persistentVolumeClaim")
          .put("claimName", seen.name() + "-" + claim));
    }
  }

  private Optional<Instant> timeToLive(JsonNode spec) throws StepProblem {
    var strategy = spec.path("ttlStrategy");
    var succeeded = status.path("phase").asText().equals(Nodes.SUCCEEDED);
    var seconds = strategy.has(succeeded ? "secondsAfterSuccess" : "secondsAfterFailure")
        ? strategy.get(succeeded ? "secondsAfterSuccess" : "secondsAfterFailure")
        : strategy.path("secondsAfterCompletion");
    if (seconds.isMissingNode() || seconds.isNull()) {
      return Optional.empty();
    }
    var finished = Instant.parse(status.path("finishedAt").asText());
    return Optional.of(finished.plus(Durations.of(seconds, "spec.ttlStrategy")));
  }

  private Decision afterwards(Templates templates) {
    try {
      var due = timeToLive(templates.spec());
      if (due.isEmpty()) {
        return new Decision(status, List.of(), Optional.empty());
      }
      return seen.now().isBefore(due.get())
          ? new Decision(status, List.of(), due)
          : new Decision(status, List.of(new Action.DeleteWorkflow()), Optional.empty());
    } catch (StepProblem unreadable) {
      return new Decision(
          status,
          List.of(),
          Optional.empty()); // it ended with this problem; there is no time to live to honour
    }
  }
}
