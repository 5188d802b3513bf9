package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The results of a repeated step, gathered into JSON lists as Argo does.
final class Repetition {
  private Repetition() {}

  static Map<String, String> results(String prefix, List<? extends JsonNode> nodes) {
    var results = JsonNodeFactory.instance.arrayNode();
    var parameters = JsonNodeFactory.instance.arrayNode();
    var byName = new LinkedHashMap<String, ArrayNode>();
    for (var node : nodes) {
      var outputs = node.path("outputs");
      if (outputs.has("result")) {
        results.add(outputs.get("result"));
      }
      var all = JsonNodeFactory.instance.objectNode();
      for (var parameter : outputs.path("parameters")) {
        var name = parameter.path("name").asText();
        all.set(name, parameter.path("value"));
        byName
            .computeIfAbsent(name, _ -> JsonNodeFactory.instance.arrayNode())
            .add(parameter.path("value"));
      }
      if (!all.isEmpty()) {
        parameters.add(all);
      }
    }
    var values = new LinkedHashMap<String, String>();
    values.put(prefix + ".status", worst(nodes));
    values.put(prefix + ".outputs.result", results.toString());
    values.put(prefix + ".outputs.parameters", parameters.toString());
    byName.forEach(
        (name, list) -> values.put(prefix + ".outputs.parameters." + name, list.toString()));
    return values;
  }

  static String worst(List<? extends JsonNode> nodes) {
    var phases = new ArrayList<String>();
    nodes.forEach(node -> phases.add(Nodes.phase(node)));
    return phases.contains(Nodes.ERROR)
        ? Nodes.ERROR
        : phases.contains(Nodes.FAILED) ? Nodes.FAILED : Nodes.SUCCEEDED;
  }
}
