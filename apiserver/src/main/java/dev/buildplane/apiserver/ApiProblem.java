package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.FieldError;
import java.util.List;
import java.util.stream.Collectors;

/// A refusal in Kubernetes' words: carries the `Status` object that is the answer.
final class ApiProblem extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;
  private final transient ObjectNode status;

  private ApiProblem(int code, ObjectNode status) {
    super(Json.text(status, "message"));
    this.code = code;
    this.status = status;
  }

  int code() {
    return code;
  }

  ObjectNode status() {
    return status;
  }

  static ApiProblem of(int code, String reason, String message) {
    return new ApiProblem(code, failure(code, reason, message));
  }

  private static ObjectNode failure(int code, String reason, String message) {
    var status = Json.object();
    status.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    status.put("status", "Failure").put("message", message).put("reason", reason);
    return status.put("code", code);
  }

  private static ApiProblem about(
      int code, String reason, String message, ResourceType type, String name) {
    var status = failure(code, reason, message);
    var details = status.putObject("details");
    if (!name.isEmpty()) {
      details.put("name", name);
    }
    if (!type.group().isEmpty()) {
      details.put("group", type.group());
    }
    details.put("kind", type.plural());
    return new ApiProblem(code, status);
  }

  static ApiProblem badRequest(String message) {
    return of(400, "BadRequest", message);
  }

  static ApiProblem unauthorized() {
    return of(401, "Unauthorized", "Unauthorized");
  }

  static ApiProblem noSuchPath() {
    var status = failure(404, "NotFound", "the server could not find the requested resource");
    status.putObject("details");
    return new ApiProblem(404, status);
  }

  static ApiProblem notFound(ResourceType type, String name) {
    return about(404, "NotFound", type.qualified() + " \"" + name + "\" not found", type, name);
  }

  static ApiProblem methodNotAllowed() {
    return of(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }

  static ApiProblem alreadyExists(ResourceType type, String name) {
    return about(
        409, "AlreadyExists", type.qualified() + " \"" + name + "\" already exists", type, name);
  }

  static ApiProblem conflict(ResourceType type, String name, String why) {
    var message =
        "Operation cannot be fulfilled on " + type.qualified() + " \"" + name + "\": " + why;
    return about(409, "Conflict", message, type, name);
  }

  static ApiProblem modified(ResourceType type, String name) {
    return conflict(
        type,
        name,
        "the object has been modified; please apply your changes to the latest version and try again");
  }

  /// 409 of a server-side apply: each cause is a text and a field.
  static ApiProblem applyConflict(String message, List<String[]> causes) {
    var status = failure(409, "Conflict", message);
    var list = status.putObject("details").putArray("causes");
    for (var cause : causes) {
      list.addObject()
          .put("reason", "FieldManagerConflict")
          .put("message", cause[0])
          .put("field", cause[1]);
    }
    return new ApiProblem(409, status);
  }

  static ApiProblem forbidden(ResourceType type, String name, String why) {
    var subject = name.isEmpty() ? type.qualified() : type.qualified() + " \"" + name + "\"";
    return about(403, "Forbidden", subject + " is forbidden: " + why, type, name);
  }

  static ApiProblem forbiddenPath(String user, String path, String verb) {
    var status = failure(
        403,
        "Forbidden",
        "forbidden: User \"" + user + "\" cannot " + verb + " path \"" + path + "\"");
    status.putObject("details");
    return new ApiProblem(403, status);
  }

  static ApiProblem invalid(ResourceType type, String name, List<FieldError> errors) {
    return invalid(type.kind(), type.group(), name, errors);
  }

  static ApiProblem invalid(String kind, String group, String name, List<FieldError> errors) {
    var texts = errors.stream().map(FieldError::toString).distinct().toList();
    var list = texts.size() == 1
        ? texts.getFirst()
        : texts.stream().collect(Collectors.joining(", ", "[", "]"));
    var qualified = group.isEmpty() ? kind : kind + "." + group;
    var status = failure(422, "Invalid", qualified + " \"" + name + "\" is invalid: " + list);
    var details = status.putObject("details").put("name", name);
    if (!group.isEmpty()) {
      details.put("group", group);
    }
    details.put("kind", kind);
    var causes = details.putArray("causes");
    for (var error : errors) {
      causes
          .addObject()
          .put("reason", error.type().causeReason())
          .put("message", error.body())
          .put("field", error.path().isEmpty() ? "<nil>" : error.path());
    }
    return new ApiProblem(422, status);
  }

  static ApiProblem expired(String message) {
    return of(410, "Expired", message);
  }

  static ApiProblem unsupportedMediaType(String found, String accepted) {
    return of(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format (" + found
            + ") - accepted media types include: " + accepted);
  }

  static ApiProblem notAcceptable() {
    return of(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/yaml");
  }

  static ApiProblem unavailable(String message) {
    var status = failure(503, "ServiceUnavailable", message);
    status.putObject("details").put("retryAfterSeconds", 1);
    return new ApiProblem(503, status);
  }
}
