package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.apiserver.Rbac.Wish;
import java.util.ArrayList;
import java.util.List;

/// Answers the kinds that are questions: nothing of them is stored.
final class Reviews {
  private final Rbac rbac;
  private final Tokens tokens;

  Reviews(Rbac rbac, Tokens tokens) {
    this.rbac = rbac;
    this.tokens = tokens;
  }

  static boolean isReview(ResourceType type) {
    return type.group().equals("authorization.k8s.io")
        || type.group().equals("authentication.k8s.io");
  }

  ObjectNode answer(ResourceType type, ObjectNode body, Caller caller) {
    var answer = body.deepCopy();
    Meta.of(answer).putNull("creationTimestamp");
    var spec = Json.child(answer, "spec");
    switch (type.kind()) {
      case "SelfSubjectAccessReview" -> access(answer, caller, spec);
      case "SubjectAccessReview", "LocalSubjectAccessReview" -> access(answer, subject(spec), spec);
      case "SelfSubjectRulesReview" -> rules(answer, caller, Json.text(spec, "namespace"));
      case "SelfSubjectReview" -> user(answer.putObject("status").putObject("userInfo"), caller);
      case "TokenReview" -> token(answer, Json.text(spec, "token"));
      default -> throw ApiProblem.noSuchPath();
    }
    return answer;
  }

  private static Caller subject(JsonNode spec) {
    var user = Json.text(spec, "user");
    var groups = Json.strings(spec.path("groups"));
    if (user.isEmpty() && groups.isEmpty()) {
      throw ApiProblem.badRequest("spec: expected at least one of user and groups, found neither");
    }
    return new Caller(user, Json.text(spec, "uid"), groups);
  }

  private void access(ObjectNode answer, Caller caller, JsonNode spec) {
    var wish = wish(spec);
    var allowed = rbac.allows(caller, wish);
    var status = answer.putObject("status").put("allowed", allowed);
    if (!allowed) {
      return;
    }
    rbac.grants(caller, wish.namespace()).stream()
        .filter(grant -> grant.rules().stream().anyMatch(rule -> Rbac.matches(rule, wish)))
        .findFirst()
        .ifPresent(grant -> status.put("reason", grant.because()));
  }

  private static Wish wish(JsonNode spec) {
    var resource = spec.path("resourceAttributes");
    if (resource.isObject()) {
      var sub = Json.text(resource, "subresource");
      return new Wish(
          Json.text(resource, "verb"),
          Json.text(resource, "group"),
          Json.text(resource, "resource") + (sub.isEmpty() ? "" : "/" + sub),
          Json.text(resource, "namespace"),
          Json.text(resource, "name"),
          "");
    }
    var path = spec.path("nonResourceAttributes");
    if (path.isObject()) {
      return Wish.path(Json.text(path, "verb"), Json.text(path, "path"));
    }
    throw ApiProblem.badRequest(
        "spec: expected exactly one of resourceAttributes and nonResourceAttributes, found neither");
  }

  private void rules(ObjectNode answer, Caller caller, String namespace) {
    var status = answer.putObject("status");
    var resources = status.putArray("resourceRules");
    var paths = status.putArray("nonResourceRules");
    status.put("incomplete", false);
    var rules = new ArrayList<JsonNode>();
    if (caller.groups().contains(Caller.MASTERS)) {
      rules.add(Json.literal("{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}"));
      rules.add(Json.literal("{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}"));
    }
    rules.add(Json.literal("{\"verbs\":[\"create\"],\"apiGroups\":[\"authorization.k8s.io\"],"
        + "\"resources\":[\"selfsubjectaccessreviews\",\"selfsubjectrulesreviews\"]}"));
    rbac.grants(caller, namespace).forEach(grant -> rules.addAll(grant.rules()));
    for (var rule : rules) {
      (rule.has("nonResourceURLs") ? paths : resources).add(rule);
    }
  }

  private void token(ObjectNode answer, String token) {
    var status = answer.putObject("status");
    tokens
        .verify(token)
        .ifPresentOrElse(
            caller -> {
              status.put("authenticated", true);
              user(status.putObject("user"), caller);
            },
            () -> status
                .put("authenticated", false)
                .put("error", "the token is not of this server, or has expired"));
    Json.child(answer, "spec").put("token", "");
  }

  private static void user(ObjectNode target, Caller caller) {
    target.put("username", caller.user());
    if (!caller.uid().isEmpty()) {
      target.put("uid", caller.uid());
    }
    target.set("groups", Json.texts(List.copyOf(caller.groups())));
  }
}
