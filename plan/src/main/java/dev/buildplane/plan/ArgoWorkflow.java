package dev.buildplane.plan;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The part of an Argo Workflow's status that a run mirrors (`reference/argo-subset.md` section 3).
///
/// @param phase empty while the engine has not looked at it
/// @param steps nodes of type Pod in order of execution
public record ArgoWorkflow(String phase, String message, List<Step> steps) {
  private static final Pattern GROUP = Pattern.compile("\\[(\\d{1,9})]");

  public ArgoWorkflow {
    steps = List.copyOf(steps);
  }

  /// One node of type Pod.
  public record Step(
      String name,
      String fullName,
      String phase,
      @Nullable String startedAt,
      @Nullable String finishedAt,
      String message,
      Map<String, String> outputs) {
    public Step {
      outputs = Map.copyOf(outputs);
    }
  }

  /// Reads an Argo Workflow object. Nodes come in the order of a map, that is in none; they are sorted by the step group
  /// numbers in their names, then start, then name, so that two reads give the same list.
  public static ArgoWorkflow of(JsonNode object) {
    var status = object.path("status");
    var steps = new ArrayList<Step>();
    for (var node : status.path("nodes")) {
      if (node.path("type").asText().equals("Pod")) {
        steps.add(step(node));
      }
    }
    steps.sort(Comparator.comparing((Step step) -> groups(step.fullName()), ArgoWorkflow::compare)
        .thenComparing(step -> Optional.ofNullable(step.startedAt()).orElse("~"))
        .thenComparing(Step::fullName));
    return new ArgoWorkflow(
        status.path("phase").asText(""), status.path("message").asText(""), steps);
  }

  private static Step step(JsonNode node) {
    var outputs = new TreeMap<String, String>();
    for (var parameter : node.path("outputs").path("parameters")) {
      outputs.put(parameter.path("name").asText(), parameter.path("value").asText());
    }
    var full = node.path("name").asText();
    var display = node.path("displayName").asText("");
    return new Step(
        display.isEmpty() ? full.substring(full.lastIndexOf('.') + 1) : display,
        full,
        node.path("phase").asText(""),
        text(node.path("startedAt")),
        text(node.path("finishedAt")),
        node.path("message").asText(""),
        outputs);
  }

  private static @Nullable String text(JsonNode node) {
    return node.isTextual() && !node.asText().isEmpty() ? node.asText() : null;
  }

  private static List<Integer> groups(String name) {
    return GROUP
        .matcher(name)
        .results()
        .map(match -> Integer.valueOf(match.group(1)))
        .toList();
  }

  private static int compare(List<Integer> one, List<Integer> other) {
    for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
      int order = one.get(i).compareTo(other.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(one.size(), other.size());
  }
}
