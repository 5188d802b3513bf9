package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.buildplane.runner.Action.StepOrder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Lays out one step's directory and works out its command line.
///
/// @param namespace of the workflow
/// @param workflowDirectory holds the workflow's claims and steps
record StepPreparation(
    RunnerSettings settings,
    Sandbox sandbox,
    Lookup lookup,
    String namespace,
    Path workflowDirectory) {

  /// @param command program and arguments
  /// @param environment all of it
  /// @param workingDirectory as the step sees it
  record Prepared(List<String> command, Map<String, String> environment, String workingDirectory) {}

  Prepared prepare(StepOrder order, StepDirectory step) throws IOException, StepProblem {
    for (var part : List.of("root", "tmp", "vartmp", "hold/outputs", "hold/home")) {
      Files.createDirectories(step.file(part));
    }
    step.file("tmp").toFile().setWritable(true, false);
    Files.copy(sandbox.scripts().resolve("run.sh"), step.file("hold/run.sh"));
    Files.copy(sandbox.scripts().resolve("tools.sh"), step.file("hold/tools.sh"));
    var isScript = order.template().has("script");
    var container = order.template().path(isScript ? "script" : "container");
    var view = new FileView(sandbox.isolated(), step);
    for (var mount : new StepVolumes(settings, lookup, namespace, workflowDirectory)
        .mounts(order, container, step)) {
      view.add(mount);
    }
    var command = new ArrayList<String>();
    for (var word : command(container)) {
      command.add(view.rewritten(word));
    }
    if (isScript) {
      Files.createDirectories(step.file("script"));
      Files.writeString(
          step.file("script/script"), view.rewritten(container.path("source").asText()));
      view.add(new FileView.Mount(step.file("script"), "/argo/staging", true));
      command.add(view.rewritten("/argo/staging/script"));
    }
    var home = sandbox.isolated() ? "/.buildplane/home" : step.file("hold/home").toString();
    var environment = new StepEnvironment(settings, lookup, namespace, view::rewritten)
        .of(container, order, home);
    command.replaceAll(word -> StepEnvironment.expand(word, environment));
    if (!sandbox.isolated()) {
      environment.putIfAbsent("TMPDIR", step.file("tmp").toString());
    }
    writeOutputs(order, step, view);
    view.write(settings);
    var workingDirectory = container.hasNonNull("workingDir")
        ? view.rewritten(container.get("workingDir").asText())
        : sandbox.isolated() ? "/" : home;
    return new Prepared(command, environment, workingDirectory);
  }

  private static List<String> command(JsonNode container) throws StepProblem {
    var command = new ArrayList<String>();
    container.path("command").forEach(word -> command.add(word.asText()));
    if (command.isEmpty()) {
      throw new StepProblem(
          "container.command is missing; this runner does not run images, so it cannot know the entry point of "
              + container.path("image").asText("the image"));
    }
    container.path("args").forEach(word -> command.add(word.asText()));
    return command;
  }

  private static void writeOutputs(StepOrder order, StepDirectory step, FileView view)
      throws IOException, StepProblem {
    var collect = new StringBuilder();
    for (var parameter : order.template().path("outputs").path("parameters")) {
      var path = parameter.path("valueFrom").path("path").asText();
      if (path.isEmpty() || path.contains("\n")) {
        throw new StepProblem("outputs.parameters." + parameter.path("name").asText()
            + ": expected valueFrom.path, the only source this runner supports here");
      }
      collect.append(view.rewritten(path)).append('\n');
    }
    Files.writeString(step.file("hold/collect"), collect.toString());
  }

  /// What must be known about a step when its runner is gone.
  static JsonNode record(StepOrder order, String namespace) {
    var node = JsonNodeFactory.instance.objectNode();
    node.put("nodeId", order.nodeId())
        .put("nodeName", order.nodeName())
        .put("podName", order.podName());
    node.put("namespace", namespace).put("wantsResult", order.wantsResult());
    var outputs = node.putArray("outputs");
    order
        .template()
        .path("outputs")
        .path("parameters")
        .forEach(parameter -> outputs.add(parameter.path("name")));
    return node;
  }
}
