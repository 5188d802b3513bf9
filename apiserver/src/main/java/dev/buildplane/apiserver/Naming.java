package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.buildplane.schema.FieldError;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// Names, labels and annotations: the rules of Kubernetes and its texts.
final class Naming {
  private static final int MAX_LABEL = 63;
  private static final int MAX_SUBDOMAIN = 253;
  /// All annotations of an object together, in characters.
  private static final int MAX_ANNOTATIONS = 256 * 1024;

  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?");
  private static final Pattern SUBDOMAIN =
      Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
  private static final Pattern QUALIFIED =
      Pattern.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]");
  private static final Pattern PATH_SEGMENT = Pattern.compile("[^/%]+");

  private static final String LABEL_DETAIL =
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an"
          + " alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
          + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  private static final String SUBDOMAIN_DETAIL =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end"
          + " with an alphanumeric character (e.g. 'example.com', regex used for validation is"
          + " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  private static final String QUALIFIED_DETAIL =
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
          + " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
          + " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  private static final String VALUE_DETAIL =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end"
          + " with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
          + " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

  private Naming() {}

  static Optional<FieldError> label(String name, String path) {
    if (name.length() > MAX_LABEL) {
      return Optional.of(invalid(path, name, "must be no more than 63 characters"));
    }
    return LABEL.matcher(name).matches()
        ? Optional.empty()
        : Optional.of(invalid(path, name, LABEL_DETAIL));
  }

  static Optional<FieldError> subdomain(String name, String path) {
    if (name.length() > MAX_SUBDOMAIN) {
      return Optional.of(invalid(path, name, "must be no more than 253 characters"));
    }
    return SUBDOMAIN.matcher(name).matches()
        ? Optional.empty()
        : Optional.of(invalid(path, name, SUBDOMAIN_DETAIL));
  }

  /// Fields of `metadata` that are of another JSON type than they have to be.
  ///
  /// @throws ApiProblem 400 at the first
  static void requireTypes(ObjectNode object) {
    var metadata = object.path("metadata");
    require(metadata, JsonNode::isObject, "", "object");
    for (var field : List.of("name", "generateName", "namespace", "uid", "resourceVersion")) {
      require(metadata.path(field), JsonNode::isTextual, "." + field, "string");
    }
    for (var field : List.of("labels", "annotations")) {
      require(metadata.path(field), JsonNode::isObject, "." + field, "map of strings");
    }
    for (var field : List.of("finalizers", "ownerReferences", "managedFields")) {
      require(metadata.path(field), JsonNode::isArray, "." + field, "list");
    }
    metadata
        .path("finalizers")
        .forEach(item -> require(item, JsonNode::isTextual, ".finalizers", "string"));
    metadata
        .path("ownerReferences")
        .forEach(item -> require(item, JsonNode::isObject, ".ownerReferences", "object"));
  }

  private static void require(
      JsonNode value, Predicate<JsonNode> fits, String field, String expected) {
    if (!value.isMissingNode() && !value.isNull() && !fits.test(value)) {
      throw ApiProblem.badRequest("json: cannot unmarshal "
          + value.getNodeType().name().toLowerCase(Locale.ROOT)
          + " into Go struct field ObjectMeta.metadata" + field + " of type " + expected);
    }
  }

  /// Everything wrong with the `metadata` of an object of that type.
  static List<FieldError> check(ResourceType type, ObjectNode object) {
    var errors = new ArrayList<FieldError>();
    var name = Meta.name(object);
    if (name.isEmpty()) {
      errors.add(new FieldError(
          "metadata.name",
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "name or generateName is required"));
    } else {
      checkName(type, name).ifPresent(errors::add);
    }
    labels(object.path("metadata").path("labels"), errors);
    annotations(object.path("metadata").path("annotations"), errors);
    owners(object.path("metadata").path("ownerReferences"), errors);
    for (var finalizer : Meta.finalizers(object)) {
      qualified(finalizer, "metadata.finalizers", errors);
    }
    return errors;
  }

  private static Optional<FieldError> checkName(ResourceType type, String name) {
    if (type.group().equals("rbac.authorization.k8s.io")) {
      return PATH_SEGMENT.matcher(name).matches() && !name.equals(".") && !name.equals("..")
          ? Optional.empty()
          : Optional.of(invalid("metadata.name", name, "may not contain '/' or '%'"));
    }
    return type.kind().equals("Namespace") || type.kind().equals("Service")
        ? label(name, "metadata.name")
        : subdomain(name, "metadata.name");
  }

  private static void labels(JsonNode labels, List<FieldError> errors) {
    for (var entry : labels.properties()) {
      qualified(entry.getKey(), "metadata.labels", errors);
      var value = entry.getValue().asText("");
      if (!entry.getValue().isTextual() && !entry.getValue().isNull()) {
        throw ApiProblem.badRequest(
            "json: cannot unmarshal a value that is no string into Go struct field "
                + "ObjectMeta.metadata.labels of type string: " + entry.getKey());
      }
      if (value.length() > MAX_LABEL) {
        errors.add(invalid("metadata.labels", value, "must be no more than 63 characters"));
      } else if (!value.isEmpty() && !QUALIFIED.matcher(value).matches()) {
        errors.add(invalid("metadata.labels", value, VALUE_DETAIL));
      }
    }
  }

  private static void annotations(JsonNode annotations, List<FieldError> errors) {
    var size = 0L;
    for (var entry : annotations.properties()) {
      qualified(entry.getKey().toLowerCase(Locale.ROOT), "metadata.annotations", errors);
      if (!entry.getValue().isTextual() && !entry.getValue().isNull()) {
        throw ApiProblem.badRequest(
            "json: cannot unmarshal a value that is no string into Go struct field "
                + "ObjectMeta.metadata.annotations of type string: " + entry.getKey());
      }
      size += entry.getKey().length() + (long) entry.getValue().asText("").length();
    }
    if (size > MAX_ANNOTATIONS) {
      errors.add(new FieldError(
          "metadata.annotations",
          FieldError.Type.TOO_LONG,
          MissingNode.getInstance(),
          "may not be more than " + MAX_ANNOTATIONS + " bytes"));
    }
  }

  private static void owners(JsonNode owners, List<FieldError> errors) {
    for (var i = 0; i < owners.size(); i++) {
      for (var field : List.of("apiVersion", "kind", "name", "uid")) {
        if (Json.text(owners.path(i), field).isEmpty()) {
          var path = "metadata.ownerReferences[" + i + "]." + field;
          errors.add(new FieldError(
              path, FieldError.Type.INVALID, TextNode.valueOf(""), field + " must not be empty"));
        }
      }
    }
  }

  private static void qualified(String key, String path, List<FieldError> errors) {
    var slash = key.indexOf('/');
    if (slash >= 0) {
      subdomain(key.substring(0, slash), path)
          .ifPresent(_ -> errors.add(invalid(path, key, "prefix part " + SUBDOMAIN_DETAIL)));
    }
    var name = key.substring(slash + 1);
    if (name.isEmpty() || name.length() > MAX_LABEL || !QUALIFIED.matcher(name).matches()) {
      errors.add(invalid(path, key, QUALIFIED_DETAIL));
    }
  }

  private static FieldError invalid(String path, String value, String detail) {
    return new FieldError(path, FieldError.Type.INVALID, TextNode.valueOf(value), detail);
  }
}
