package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.apiserver.Rbac.Wish;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.patch.PatchException;
import dev.buildplane.schema.FieldError;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Requests for resources: finds what is meant, asks whether the caller may, does it, answers.
final class ResourceRequests {
  private final Registry registry;
  private final Objects objects;
  private final Writes writes;
  private final Deletions deletions;
  private final Watching watching;
  private final Rbac rbac;
  private final Reviews reviews;
  private final Tokens tokens;
  private final LogAnswers logs;
  private final Clocked clocked;

  ResourceRequests(
      Registry registry,
      Objects objects,
      Writes writes,
      Deletions deletions,
      Watching watching,
      Rbac rbac,
      Reviews reviews,
      Tokens tokens,
      LogAnswers logs,
      Clocked clocked) {
    this.registry = registry;
    this.objects = objects;
    this.writes = writes;
    this.deletions = deletions;
    this.watching = watching;
    this.rbac = rbac;
    this.reviews = reviews;
    this.tokens = tokens;
    this.logs = logs;
    this.clocked = clocked;
  }

  /// One request, understood.
  private record Asked(
      HttpExchange exchange,
      ResourceType type,
      Target.Resource target,
      Query query,
      Caller caller,
      Shape.Wanted wanted) {
    Writes.Place place() {
      return new Writes.Place(type, target.namespace(), target.name(), target.subresource());
    }

    String header(String name) {
      return exchange.headers().first(name).orElse("");
    }

    WriteOptions options() {
      return WriteOptions.of(query, header("user-agent"));
    }
  }

  void handle(HttpExchange exchange, Target.Resource target, Caller caller)
      throws IOException, InterruptedException {
    var type = registry
        .find(target.group(), target.version(), target.plural())
        .orElseThrow(ApiProblem::noSuchPath);
    var query = Query.parse(exchange.rawQuery());
    var verb = verb(exchange.method(), target, query);
    requireServed(type, target, verb);
    authorize(type, target, verb, caller);
    // Pod logs are text, whatever the client would rather have.
    var wanted = Shape.of(target.subresource().equals("log") ? "" : accept(exchange), query);
    perform(verb, new Asked(exchange, type, target, query, caller, wanted));
  }

  private static String accept(HttpExchange exchange) {
    return String.join(",", exchange.headers().all("accept"));
  }

  private static String verb(String method, Target.Resource target, Query query) {
    var collection = target.name().isEmpty();
    return switch (method) {
      case "GET", "HEAD" -> {
        if (!target.subresource().isEmpty()) {
          yield "get";
        }
        yield query.flag("watch") ? "watch" : collection ? "list" : "get";
      }
      case "POST" -> "create";
      case "PUT" -> "update";
      case "PATCH" -> "patch";
      case "DELETE" -> collection ? "deletecollection" : "delete";
      default -> throw ApiProblem.methodNotAllowed();
    };
  }

  private static void requireServed(ResourceType type, Target.Resource target, String verb) {
    var sub = target.subresource();
    var known = sub.isEmpty()
        || type.subresources().contains(sub)
        || (sub.equals("token") && type.plural().equals("serviceaccounts"));
    if (!known || (!type.namespaced() && !target.namespace().isEmpty())) {
      throw ApiProblem.noSuchPath();
    }
    var named = !target.name().isEmpty();
    var needsNamespace =
        type.namespaced() && target.namespace().isEmpty() && (named || verb.equals("create"));
    if (!sub.isEmpty()) {
      return;
    }
    var fits = switch (verb) {
      case "create" -> !named;
      case "update", "patch" -> named;
      default -> true;
    };
    if (!fits || needsNamespace || !type.verbs().contains(verb)) {
      throw ApiProblem.methodNotAllowed();
    }
  }

  private void authorize(ResourceType type, Target.Resource target, String verb, Caller caller) {
    var resource =
        type.plural() + (target.subresource().isEmpty() ? "" : "/" + target.subresource());
    var namespace = type.kind().equals("Namespace") ? target.name() : target.namespace();
    if (rbac.allows(caller, new Wish(verb, type.group(), resource, namespace, target.name(), ""))) {
      return;
    }
    var scope =
        namespace.isEmpty() ? "at the cluster scope" : "in the namespace \"" + namespace + "\"";
    throw ApiProblem.forbidden(
        type,
        target.name(),
        "User \"%s\" cannot %s resource \"%s\" in API group \"%s\" %s"
            .formatted(caller.user(), verb, resource, type.group(), scope));
  }

  private void perform(String verb, Asked asked) throws IOException, InterruptedException {
    var sub = asked.target().subresource();
    if (sub.equals("log")) {
      log(asked, verb);
      return;
    }
    if (sub.equals("token")) {
      token(asked, verb);
      return;
    }
    switch (verb) {
      case "get" ->
        one(
            asked,
            200,
            objects.get(asked.type(), asked.target().namespace(), asked.target().name()),
            List.of());
      case "list" -> list(asked);
      case "watch" -> watch(asked);
      case "create" -> create(asked);
      case "update" -> update(asked);
      case "patch" -> patch(asked);
      case "delete" -> delete(asked);
      case "deletecollection" -> deleteCollection(asked);
      default -> throw ApiProblem.methodNotAllowed();
    }
  }

  private void one(Asked asked, int status, ObjectNode object, List<String> warnings) {
    var body = asked.wanted().shape().one(asked.type(), object, clocked.now());
    Answers.send(asked.exchange(), status, body, asked.wanted(), warnings);
  }

  private void log(Asked asked, String verb) throws IOException, InterruptedException {
    if (!verb.equals("get")) {
      throw ApiProblem.methodNotAllowed();
    }
    var pod =
        objects.get(asked.type(), asked.target().namespace(), asked.target().name());
    logs.serve(asked.exchange(), pod, asked.query());
  }

  private void token(Asked asked, String verb) throws IOException {
    if (!verb.equals("create")) {
      throw ApiProblem.methodNotAllowed();
    }
    var target = asked.target();
    if (!(body(asked, asked.options()) instanceof ObjectNode request)) {
      throw ApiProblem.badRequest("expected a TokenRequest, found other JSON");
    }
    Answers.json(asked.exchange(), 201, tokens.issue(target.namespace(), target.name(), request));
  }

  private static Selector selector(Asked asked) {
    var name = asked.target().name();
    var fields = asked.query().text("fieldSelector");
    var byName =
        name.isEmpty() ? fields : "metadata.name=" + name + (fields.isEmpty() ? "" : "," + fields);
    return Selector.of(asked.type(), asked.query().text("labelSelector"), byName);
  }

  private void list(Asked asked) {
    var query = asked.query();
    var limit =
        (int) Math.min(Objects.MAX_PAGE_ITEMS, Math.max(0, query.number("limit").orElse(0)));
    var version = query.text("resourceVersion");
    if (!query.text("continue").isEmpty() && !version.isEmpty() && !version.equals("0")) {
      throw ApiProblem.badRequest(
          "resourceVersion: specifying resource version is not allowed when using continue");
    }
    var match = query.text("resourceVersionMatch");
    if (!List.of("", "Exact", "NotOlderThan").contains(match)) {
      throw ApiProblem.badRequest("resourceVersionMatch: Unsupported value: \"" + match
          + "\": supported values: \"Exact\", \"NotOlderThan\"");
    }
    if (query.has("sendInitialEvents")) {
      throw ApiProblem.badRequest("sendInitialEvents: Forbidden: is forbidden for list");
    }
    objects.requireReached(version);
    var list = objects.list(new Objects.ListRequest(
        asked.type(),
        asked.target().namespace(),
        selector(asked),
        limit,
        query.text("continue"),
        version,
        match));
    var body = asked.wanted().shape().many(asked.type(), list, clocked.now());
    Answers.send(asked.exchange(), 200, body, asked.wanted(), List.of());
  }

  private void watch(Asked asked) throws IOException, InterruptedException {
    var request = Watching.Request.of(
        asked.type(),
        asked.target().namespace(),
        selector(asked),
        asked.wanted().shape(),
        asked.query());
    watching.serve(asked.exchange(), request);
  }

  private static JsonNode body(Asked asked, WriteOptions options) throws IOException {
    return Bodies.read(
        asked.exchange().body().readAllBytes(),
        asked.header("content-type"),
        asked.type(),
        options);
  }

  private void create(Asked asked) throws IOException {
    var options = asked.options();
    var object = Bodies.object(body(asked, options), asked.type());
    if (Reviews.isReview(asked.type())) {
      one(asked, 201, reviews.answer(asked.type(), object, asked.caller()), options.warnings());
      return;
    }
    var created = writes.create(asked.type(), asked.target().namespace(), object, options);
    one(asked, 201, created, options.warnings());
  }

  private void update(Asked asked) throws IOException {
    var options = asked.options();
    var object = Bodies.object(body(asked, options), asked.type());
    one(asked, 200, writes.replace(asked.place(), object, options), options.warnings());
  }

  private void patch(Asked asked) throws IOException {
    var options = asked.options();
    var media = Patches.mediaType(asked.header("content-type"));
    var bytes = asked.exchange().body().readAllBytes();
    if (media.equals(Patches.APPLY)) {
      apply(asked, bytes, options);
      return;
    }
    if (!List.of(Patches.JSON, Patches.MERGE, Patches.STRATEGIC).contains(media)) {
      throw Patches.unsupported(asked.type(), media);
    }
    var patch = Bodies.read(bytes, "application/json", asked.type(), options);
    var patched = writes.patch(
        asked.place(), live -> Patches.apply(asked.type(), media, live, patch), options);
    one(asked, 200, patched, options.warnings());
  }

  private void apply(Asked asked, byte[] bytes, WriteOptions options) {
    if (asked.query().text("fieldManager").isEmpty()) {
      throw ApiProblem.invalid(
          "PatchOptions",
          "meta.k8s.io",
          "",
          List.of(new FieldError(
              "fieldManager",
              FieldError.Type.REQUIRED,
              MissingNode.getInstance(),
              "is required for apply patch")));
    }
    var applied =
        Bodies.object(Bodies.read(bytes, "application/yaml", asked.type(), options), asked.type());
    var metadata = Meta.of(applied);
    if (metadata.path("managedFields").size() > 0) {
      throw ApiProblem.badRequest("metadata.managedFields must be nil");
    }
    if (Meta.name(applied).isEmpty()) {
      metadata.put("name", asked.target().name());
    }
    try {
      var result = writes.apply(asked.place(), applied, options);
      one(asked, result.created() ? 201 : 200, result.object(), options.warnings());
    } catch (PatchException e) {
      throw Patches.problem(asked.type(), asked.target().name(), e);
    }
  }

  private JsonNode deleteOptions(Asked asked) throws IOException {
    var bytes = asked.exchange().body().readAllBytes();
    return bytes.length == 0
        ? Json.object()
        : Bodies.read(bytes, asked.header("content-type"), asked.type(), WriteOptions.internal());
  }

  private void delete(Asked asked) throws IOException {
    if (!asked.target().subresource().isEmpty()) {
      throw ApiProblem.methodNotAllowed();
    }
    var request = Deletions.Request.of(deleteOptions(asked), asked.query());
    var type = asked.type();
    var result =
        deletions.delete(type, asked.target().namespace(), asked.target().name(), request);
    if (!result.gone() || type.plural().equals("pods")) {
      one(asked, 200, result.object(), List.of());
      return;
    }
    var status = Json.object().put("kind", "Status").put("apiVersion", "v1");
    status.putObject("metadata");
    status.put("status", "Success");
    var details = status.putObject("details").put("name", Meta.name(result.object()));
    if (!type.group().isEmpty()) {
      details.put("group", type.group());
    }
    details.put("kind", type.plural()).put("uid", Meta.uid(result.object()));
    Answers.send(asked.exchange(), 200, status, asked.wanted(), List.of());
  }

  private void deleteCollection(Asked asked) throws IOException {
    var request = Deletions.Request.of(deleteOptions(asked), asked.query());
    var type = asked.type();
    var list = objects.list(
        new Objects.ListRequest(type, asked.target().namespace(), selector(asked), 0, "", "", ""));
    var deleted = new ArrayList<ObjectNode>();
    for (var object : list.items()) {
      try {
        deleted.add(deletions
            .delete(type, Meta.namespace(object), Meta.name(object), request)
            .object());
      } catch (ApiProblem e) {
        if (e.code() != 404) {
          throw e;
        }
      }
    }
    var result = new Objects.ListResult(deleted, list.revision(), "", 0);
    var body = asked.wanted().shape().many(type, result, clocked.now());
    Answers.send(asked.exchange(), 200, body, asked.wanted(), List.of());
  }
}
