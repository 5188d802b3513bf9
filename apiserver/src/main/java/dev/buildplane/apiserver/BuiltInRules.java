package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.FieldError;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What single built-in kinds do besides what all kinds do. Texts are Kubernetes'.
final class BuiltInRules {
  private static final Pattern DATA_KEY = Pattern.compile("[-._a-zA-Z0-9]{1,253}");
  private static final String DATA_KEY_DETAIL =
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or"
          + " 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

  private BuiltInRules() {}

  private static FieldError required(String path, String detail) {
    return new FieldError(path, FieldError.Type.REQUIRED, MissingNode.getInstance(), detail);
  }

  private static FieldError immutable(String path, JsonNode value) {
    return new FieldError(path, FieldError.Type.INVALID, value, "field is immutable");
  }

  private static void dataKeys(JsonNode data, String path, List<FieldError> errors) {
    data.fieldNames().forEachRemaining(key -> {
      if (!DATA_KEY.matcher(key).matches()) {
        errors.add(new FieldError(
            path + "[" + key + "]",
            FieldError.Type.INVALID,
            Json.MAPPER.valueToTree(key),
            DATA_KEY_DETAIL));
      }
    });
  }

  private static void frozen(
      ObjectNode object, @Nullable ObjectNode old, List<FieldError> errors, String... fields) {
    if (old == null || !old.path("immutable").asBoolean()) {
      return;
    }
    for (var field : fields) {
      if (!object.path(field).equals(old.path(field))) {
        errors.add(new FieldError(
            field,
            FieldError.Type.FORBIDDEN,
            MissingNode.getInstance(),
            "field is immutable when `immutable` is set"));
      }
    }
  }

  /// `stringData` becomes `data`; the type is `Opaque` unless given, and never changes.
  static final class Secrets implements Rules {
    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      if (object.remove("stringData") instanceof ObjectNode plain) {
        var data = Json.child(object, "data");
        plain
            .properties()
            .forEach(entry -> data.put(
                entry.getKey(),
                Base64.getEncoder()
                    .encodeToString(entry.getValue().asText().getBytes(StandardCharsets.UTF_8))));
      }
      if (Json.text(object, "type").isEmpty()) {
        object.put("type", "Opaque");
      }
    }

    @Override
    public List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
      var errors = new ArrayList<FieldError>();
      dataKeys(object.path("data"), "data", errors);
      if (old != null && !Json.text(old, "type").equals(Json.text(object, "type"))) {
        errors.add(immutable("type", object.path("type")));
      }
      frozen(object, old, errors, "data");
      for (var entry : object.path("data").properties()) {
        if (!isBase64(entry.getValue())) {
          throw ApiProblem.badRequest(
              "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data in data."
                  + entry.getKey());
        }
      }
      return errors;
    }

    private static boolean isBase64(JsonNode value) {
      try {
        Base64.getDecoder().decode(value.asText(""));
        return value.isTextual() || value.isNull();
      } catch (IllegalArgumentException _) {
        return false;
      }
    }
  }

  /// Keys are checked; values are text.
  static final class ConfigMaps implements Rules {
    @Override
    public List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
      for (var entry : object.path("data").properties()) {
        if (!entry.getValue().isTextual()) {
          throw ApiProblem.badRequest(
              "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal "
                  + "a value that is no string into Go struct field ConfigMap.data of type string: "
                  + entry.getKey());
        }
      }
      var errors = new ArrayList<FieldError>();
      dataKeys(object.path("data"), "data", errors);
      dataKeys(object.path("binaryData"), "binaryData", errors);
      frozen(object, old, errors, "data", "binaryData");
      return errors;
    }
  }

  /// `spec.finalizers` holds a namespace until it is empty.
  static final class Namespaces implements Rules {
    static final String FINALIZER = "kubernetes";

    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      var labels = Json.child(Meta.of(object), "labels");
      labels.put("kubernetes.io/metadata.name", Meta.name(object));
      if (old == null) {
        Json.child(object, "spec").set("finalizers", Json.texts(List.of(FINALIZER)));
        Json.child(object, "status").put("phase", "Active");
      } else {
        Meta.setOrRemove(
            Json.child(object, "spec"), "finalizers", old.path("spec").path("finalizers"));
        Json.child(object, "status").put("phase", Meta.deleting(object) ? "Terminating" : "Active");
      }
    }
  }

  /// A claim is bound as soon as it is made: volumes are directories here.
  static final class Claims implements Rules {
    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      if (old == null) {
        Json.child(object, "status").put("phase", "Pending");
      }
    }
  }

  /// A pod begins as `Pending`; its containers never change.
  static final class Pods implements Rules {
    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      var spec = Json.child(object, "spec");
      putDefault(spec, "restartPolicy", "Always");
      putDefault(spec, "serviceAccountName", "default");
      if (!spec.has("terminationGracePeriodSeconds")) {
        spec.put("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS);
      }
      if (old == null) {
        putDefault(Json.child(object, "status"), "phase", "Pending");
      }
    }

    static final int DEFAULT_GRACE_SECONDS = 30;

    private static void putDefault(ObjectNode parent, String field, String value) {
      if (Json.text(parent, field).isEmpty()) {
        parent.put(field, value);
      }
    }

    @Override
    public List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
      var errors = new ArrayList<FieldError>();
      var containers = object.path("spec").path("containers");
      if (containers.isEmpty()) {
        errors.add(required("spec.containers", ""));
      }
      for (var i = 0; i < containers.size(); i++) {
        var name = Json.text(containers.path(i), "name");
        if (name.isEmpty()) {
          errors.add(required("spec.containers[" + i + "].name", ""));
        } else {
          Naming.label(name, "spec.containers[" + i + "].name").ifPresent(errors::add);
        }
      }
      if (old != null && !containerNames(old).equals(containerNames(object))) {
        errors.add(new FieldError(
            "spec",
            FieldError.Type.FORBIDDEN,
            MissingNode.getInstance(),
            "pod updates may not add or remove containers"));
      }
      return errors;
    }

    private static List<String> containerNames(ObjectNode pod) {
      return pod.path("spec")
          .path("containers")
          .valueStream()
          .map(container -> Json.text(container, "name"))
          .toList();
    }
  }

  /// Services are kept, not routed.
  static final class Services implements Rules {
    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      var spec = Json.child(object, "spec");
      if (Json.text(spec, "type").isEmpty()) {
        spec.put("type", "ClusterIP");
      }
    }
  }

  /// `roleRef` is what the binding is; changing it means another binding.
  static final class Bindings implements Rules {
    private static final String GROUP = "rbac.authorization.k8s.io";

    @Override
    public void prepare(ObjectNode object, @Nullable ObjectNode old) {
      var ref = Json.child(object, "roleRef");
      if (Json.text(ref, "apiGroup").isEmpty()) {
        ref.put("apiGroup", GROUP);
      }
      for (var subject : object.path("subjects")) {
        if (subject instanceof ObjectNode one && Json.text(one, "apiGroup").isEmpty()) {
          if (!Json.text(one, "kind").equals("ServiceAccount")) {
            one.put("apiGroup", GROUP);
          }
        }
      }
    }

    @Override
    public List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
      var errors = new ArrayList<FieldError>();
      if (Json.text(object, "roleRef", "name").isEmpty()) {
        errors.add(required("roleRef.name", ""));
      }
      var kind = Json.text(object, "roleRef", "kind");
      if (!kind.equals("Role") && !kind.equals("ClusterRole")) {
        errors.add(new FieldError(
            "roleRef.kind",
            FieldError.Type.NOT_SUPPORTED,
            object.path("roleRef").path("kind"),
            "supported values: \"Role\", \"ClusterRole\""));
      }
      if (old != null && !old.path("roleRef").equals(object.path("roleRef"))) {
        errors.add(new FieldError(
            "roleRef", FieldError.Type.INVALID, object.path("roleRef"), "cannot change roleRef"));
      }
      return errors;
    }
  }

  /// `events.k8s.io/v1` shows the same objects as core events under newer names.
  static final class NewEvents implements Rules {
    private static final Map<String, String> CORE_TO_NEW = Map.of(
        "involvedObject", "regarding",
        "message", "note",
        "source", "deprecatedSource",
        "firstTimestamp", "deprecatedFirstTimestamp",
        "lastTimestamp", "deprecatedLastTimestamp",
        "count", "deprecatedCount",
        "reportingComponent", "reportingController");

    @Override
    public void fromStorage(ObjectNode object) {
      CORE_TO_NEW.forEach((core, newer) -> rename(object, core, newer));
    }

    @Override
    public void toStorage(ObjectNode object) {
      CORE_TO_NEW.forEach((core, newer) -> rename(object, newer, core));
      object.put("apiVersion", "v1");
    }

    private static void rename(ObjectNode object, String from, String to) {
      var value = object.remove(from);
      if (value != null) {
        object.set(to, value);
      }
    }
  }
}
