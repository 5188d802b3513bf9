package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/// A followed run on a terminal: logs as they come, what the run waits for, and at the end whether it succeeded.
final class FollowedRun implements RunFollower.Listener {
  private static final int LAST_LINES_KEPT = 20;

  private final PrintWriter out;
  private final PrintWriter err;
  private final String onlyTask;
  private final Set<String> told = new HashSet<>();
  private final Map<String, Deque<String>> lastLines = new HashMap<>();

  /// @param onlyTask the step whose lines are printed; empty for all
  FollowedRun(PrintWriter out, PrintWriter err, String onlyTask) {
    this.out = out;
    this.err = err;
    this.onlyTask = onlyTask;
  }

  /// Follows to the end and returns the exit code that tells it.
  int follow(Hub hub, KubernetesClient client, String namespace, String name)
      throws InterruptedException {
    try (var follower = new RunFollower(client, hub::connectPlane, this)) {
      var run = follower.follow(namespace, name);
      return (RunFollower.hasSucceeded(run) ? ExitCode.OK : ExitCode.FAILED).code();
    }
  }

  @Override
  public void line(String task, String text) {
    var kept = lastLines.computeIfAbsent(task, _ -> new ArrayDeque<>());
    kept.add(text);
    if (kept.size() > LAST_LINES_KEPT) {
      kept.removeFirst();
    }
    if (onlyTask.isEmpty() || onlyTask.equals(task)) {
      out.println("[" + task + "] " + text);
      out.flush();
    }
  }

  /// The last lines of a step that were seen, the oldest first.
  Iterable<String> lastLines(String task) {
    return lastLines.getOrDefault(task, new ArrayDeque<>());
  }

  @Override
  public void changed(JsonNode run) {
    for (var task : run.at("/status/tasks")) {
      tell("step " + task.path("name").asText() + ": " + task.path("phase").asText()
          + suffix(task.path("message").asText("")));
    }
    for (var condition : run.at("/status/conditions")) {
      var type = condition.path("type").asText();
      var state = condition.path("status").asText();
      if (type.equals("WorkflowCompleted")
          || (type.equals("PlaneDisconnected") && state.equals("True"))) {
        tell("run: " + condition.path("reason").asText()
            + suffix(condition.path("message").asText("")));
      }
    }
  }

  @Override
  public void notice(String text) {
    err.println("buildplane: " + text);
  }

  private void tell(String text) {
    if (told.add(text)) {
      out.println("-- " + text);
      out.flush();
    }
  }

  private static String suffix(String message) {
    return message.isEmpty() ? "" : ": " + message;
  }
}
