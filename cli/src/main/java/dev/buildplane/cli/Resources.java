package dev.buildplane.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import dev.buildplane.model.PlaneKind;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.NonNamespaceOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// Reading and printing resources without their Java types, so that fields of a newer server show too.
final class Resources {
  static final ObjectMapper JSON = new ObjectMapper();
  static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory()
      .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
      .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
      .disable(YAMLGenerator.Feature.SPLIT_LINES));

  /// A kind of `openchoreo.dev/v1alpha1`.
  record Kind(String kind, String plural, boolean namespaced) {
    static Kind of(PlaneKind kind) {
      return new Kind(kind.kind(), kind.plural(), !kind.clusterScoped());
    }

    ResourceDefinitionContext context() {
      return new ResourceDefinitionContext.Builder()
          .withGroup("openchoreo.dev")
          .withVersion("v1alpha1")
          .withKind(kind)
          .withPlural(plural)
          .withNamespaced(namespaced)
          .build();
    }

    /// As kubectl users type it.
    String singular() {
      return kind.toLowerCase(java.util.Locale.ROOT);
    }
  }

  static final Kind WORKFLOW_RUN = new Kind("WorkflowRun", "workflowruns", true);
  static final Kind WORKFLOW = new Kind("Workflow", "workflows", true);

  /// A column of a table.
  record Column(String title, Function<JsonNode, String> value) {}

  private Resources() {}

  static MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      all(KubernetesClient client, Kind kind) {
    return client.genericKubernetesResources(kind.context());
  }

  static NonNamespaceOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      in(KubernetesClient client, Kind kind, String namespace) {
    return kind.namespaced() ? all(client, kind).inNamespace(namespace) : all(client, kind);
  }

  static JsonNode json(Object resource) {
    return JSON.valueToTree(resource);
  }

  /// Prints what was found in the wanted form.
  static void print(
      PrintWriter out,
      OutputFormat format,
      List<JsonNode> items,
      List<Column> narrow,
      List<Column> wide) {
    switch (format) {
      case JSON -> out.println(jsonText(listOrOne(items)));
      case YAML -> out.print(yamlText(listOrOne(items)));
      case NAME -> items.forEach(item -> out.println(typedName(item)));
      case TABLE -> table(out, items, narrow);
      case WIDE -> {
        var columns = new ArrayList<>(narrow);
        columns.addAll(wide);
        table(out, items, columns);
      }
    }
    out.flush();
  }

  static String typedName(JsonNode item) {
    return item.path("kind").asText().toLowerCase(java.util.Locale.ROOT) + ".openchoreo.dev/"
        + item.at("/metadata/name").asText();
  }

  static Column at(String title, String pointer) {
    return new Column(title, item -> orDash(item.at(pointer).asText("")));
  }

  static Column age() {
    return new Column(
        "AGE", item -> since(item.at("/metadata/creationTimestamp").asText("")));
  }

  /// The status of a condition, `Unknown` when it was never set.
  static String condition(JsonNode item, String type) {
    return conditionField(item, type, "status", "Unknown");
  }

  static String conditionField(JsonNode item, String type, String field, String fallback) {
    for (var condition : item.at("/status/conditions")) {
      if (condition.path("type").asText().equals(type)) {
        return condition.path(field).asText(fallback);
      }
    }
    return fallback;
  }

  static String orDash(String text) {
    return text.isBlank() ? "-" : text;
  }

  /// As kubectl prints ages.
  static String since(String timestamp) {
    return timestamp.isEmpty()
        ? "-"
        : brief(Duration.between(Instant.parse(timestamp), Instant.now()));
  }

  static String brief(Duration duration) {
    var seconds = Math.max(0, duration.toSeconds());
    if (seconds < 120) {
      return seconds + "s";
    }
    if (seconds < 3 * 3600) {
      return seconds / 60 + "m";
    }
    return seconds < 48 * 3600 ? seconds / 3600 + "h" : seconds / 86400 + "d";
  }

  static void table(PrintWriter out, List<JsonNode> items, List<Column> columns) {
    var rows = new ArrayList<List<String>>();
    rows.add(columns.stream().map(Column::title).toList());
    items.forEach(item ->
        rows.add(columns.stream().map(column -> column.value().apply(item)).toList()));
    grid(out, rows, "   ");
  }

  /// Aligns the rows' cells; the last cell of a row is not padded.
  static void grid(PrintWriter out, List<List<String>> rows, String gap) {
    var widths = new int[rows.getFirst().size()];
    rows.forEach(row -> {
      for (var i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    });
    for (var row : rows) {
      var line = new StringBuilder();
      for (var i = 0; i < row.size(); i++) {
        line.append(row.get(i));
        if (i + 1 < row.size()) {
          line.append(" ".repeat(widths[i] - row.get(i).length())).append(gap);
        }
      }
      out.println(line);
    }
  }

  private static JsonNode listOrOne(List<JsonNode> items) {
    if (items.size() == 1) {
      return items.getFirst();
    }
    ObjectNode list = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "List");
    list.putArray("items").addAll(items);
    return list;
  }

  static String jsonText(JsonNode node) {
    return text(JSON, node, true);
  }

  static String yamlText(JsonNode node) {
    return text(YAML, node, false);
  }

  private static String text(ObjectMapper mapper, JsonNode node, boolean pretty) {
    try {
      return pretty
          ? mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node)
          : mapper.writeValueAsString(node);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("a tree has a textual form", impossible);
    }
  }
}
