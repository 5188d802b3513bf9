package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/// What OpenAPI documents say about built-in kinds: their top-level fields, with what is below
/// `spec` and `status` left open.
final class BuiltInSchemas {
  private static final String META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

  private static final List<String> RULE_FIELDS =
      List.of("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs");

  private static final Map<String, String> FIELDS = Map.ofEntries(
      Map.entry(
          "ConfigMap",
          "data:texts:Text_by_key binaryData:texts:Base64_bytes_by_key immutable:boolean:Whether_data_can_no_longer_change"),
      Map.entry(
          "Secret",
          "data:texts:Base64_bytes_by_key stringData:texts:Plain_text_by_key,_written_into_data type:string:What_the_data_is_for immutable:boolean:Whether_data_can_no_longer_change"),
      Map.entry(
          "ServiceAccount",
          "secrets:list:Secrets_it_may_use imagePullSecrets:list:Secrets_for_pulling_images automountServiceAccountToken:boolean:Whether_pods_get_a_token"),
      Map.entry(
          "Event",
          "involvedObject:open:What_the_event_is_about reason:string:Short_machine_readable_reason message:string:For_people type:string:Normal_or_Warning source:open:Who_reports count:integer:How_often firstTimestamp:string:First_time lastTimestamp:string:Latest_time eventTime:string:Time_of_first_observation reportingComponent:string:Controller reportingInstance:string:Controller_instance action:string:What_was_done related:open:Secondary_object series:open:Series_the_event_is_of"),
      Map.entry("Role", "rules:rules:What_is_allowed"),
      Map.entry("ClusterRole", "rules:rules:What_is_allowed aggregationRule:open:Roles_to_sum_up"),
      Map.entry("RoleBinding", "subjects:list:Who roleRef:open:May_do_what"),
      Map.entry("ClusterRoleBinding", "subjects:list:Who roleRef:open:May_do_what"));

  private static final String SPEC_AND_STATUS =
      "spec:open:What_is_wanted status:open:What_was_observed";

  private BuiltInSchemas() {}

  static JsonNode of(String kind) {
    var schema = Json.object().put("type", "object").put("description", kind + " of Kubernetes.");
    var properties = schema.putObject("properties");
    for (var field : FIELDS.getOrDefault(kind, SPEC_AND_STATUS).split(" ")) {
      var parts = field.split(":");
      if (parts.length == 3) {
        properties.set(
            parts[0], field(parts[1]).put("description", parts[2].replace('_', ' ') + "."));
      }
    }
    return schema;
  }

  private static ObjectNode field(String type) {
    return switch (type) {
      case "texts" -> {
        var map = Json.object().put("type", "object");
        map.putObject("additionalProperties").put("type", "string");
        yield map;
      }
      case "list" -> {
        var list = Json.object().put("type", "array");
        list.putObject("items")
            .put("type", "object")
            .put("x-kubernetes-preserve-unknown-fields", true);
        yield list;
      }
      case "rules" -> {
        var rules = field("list");
        var properties = ((ObjectNode) rules.path("items")).putObject("properties");
        for (var name : RULE_FIELDS) {
          var texts = properties.putObject(name).put("type", "array");
          texts.putObject("items").put("type", "string");
        }
        yield rules;
      }
      case "open" ->
        Json.object().put("type", "object").put("x-kubernetes-preserve-unknown-fields", true);
      default -> Json.object().put("type", type);
    };
  }

  static ObjectNode apiVersion() {
    return Json.object()
        .put("type", "string")
        .put(
            "description",
            "APIVersion defines the versioned schema of this representation of an object.");
  }

  static ObjectNode kind() {
    return Json.object()
        .put("type", "string")
        .put(
            "description",
            "Kind is a string value representing the REST resource this object represents.");
  }

  static ObjectNode metadata() {
    var metadata = Json.object();
    metadata.put("description", "Standard object's metadata.");
    metadata.putArray("allOf").addObject().put("$ref", "#/components/schemas/" + META);
    return metadata;
  }

  /// Schemas that every document holds.
  static ObjectNode shared() {
    var shared = Json.object();
    var meta = shared
        .putObject(META)
        .put("type", "object")
        .put("description", "ObjectMeta is metadata that all persisted resources must have.");
    var properties = meta.putObject("properties");
    for (var name : new String[] {
      "name",
      "generateName",
      "namespace",
      "uid",
      "resourceVersion",
      "creationTimestamp",
      "deletionTimestamp",
      "selfLink"
    }) {
      properties.set(name, field("string"));
    }
    properties.set("generation", field("integer"));
    properties.set("deletionGracePeriodSeconds", field("integer"));
    properties.set("labels", field("texts"));
    properties.set("annotations", field("texts"));
    properties.set("ownerReferences", field("list"));
    properties.set("managedFields", field("list"));
    var finalizers = properties.putObject("finalizers").put("type", "array");
    finalizers.putObject("items").put("type", "string");
    return shared;
  }
}
