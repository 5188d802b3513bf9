package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.apiserver.Rbac.Wish;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpHandler;
import dev.buildplane.store.StoreProblem;
import java.io.IOException;
import java.util.List;
import java.util.Locale;

/// The one handler of everything that needs a name: resources, discovery, OpenAPI, version. Every
/// refusal becomes a Kubernetes `Status`.
final class Requests implements HttpHandler {
  private static final String OPENAPI_V2_PROTOBUF =
      "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  /// `openapi.v2.Document` with nothing but field 1, `swagger`.
  private static final byte[] SWAGGER_2 = {0x0A, 3, '2', '.', '0'};

  private final ResourceRequests resources;
  private final Discovery discovery;
  private final OpenApi openApi;
  private final Rbac rbac;
  private final Impersonation impersonation;

  Requests(ResourceRequests resources, Discovery discovery, OpenApi openApi, Rbac rbac) {
    this.resources = resources;
    this.discovery = discovery;
    this.openApi = openApi;
    this.rbac = rbac;
    this.impersonation = new Impersonation(rbac);
  }

  @Override
  public void handle(HttpExchange exchange) throws IOException, InterruptedException {
    try {
      var principal = exchange.principal();
      var own = new Caller(principal.user(), "", principal.groups());
      var caller = impersonation.effective(own, exchange.headers());
      switch (Target.parse(exchange.rawPath())) {
        case Target.Resource resource -> resources.handle(exchange, resource, caller);
        case Target.Other(var segments) -> other(exchange, segments, caller);
      }
    } catch (ApiProblem e) {
      Answers.problem(exchange, e);
    } catch (StoreProblem.Unavailable e) {
      Answers.problem(exchange, ApiProblem.unavailable(String.valueOf(e.getMessage())));
    }
  }

  private void other(HttpExchange exchange, List<String> segments, Caller caller) {
    var verb = exchange.method().toLowerCase(Locale.ROOT);
    var path = "/" + String.join("/", segments);
    if (!rbac.allows(caller, Wish.path(verb, path))) {
      throw ApiProblem.forbiddenPath(caller.user(), path, verb);
    }
    if (!verb.equals("get") && !verb.equals("head")) {
      throw segments.isEmpty() ? ApiProblem.methodNotAllowed() : ApiProblem.noSuchPath();
    }
    switch (segments.isEmpty() ? "" : segments.getFirst()) {
      case "" -> Answers.json(exchange, 200, roots());
      case "version" -> Answers.json(exchange, 200, version());
      case "api" -> api(exchange, segments);
      case "apis" -> apis(exchange, segments);
      case "openapi" -> openApi(exchange, segments);
      default -> throw ApiProblem.noSuchPath();
    }
  }

  private static ObjectNode roots() {
    var roots = Json.object();
    roots.set(
        "paths",
        Json.texts(List.of(
            "/api",
            "/apis",
            "/healthz",
            "/livez",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz",
            "/version")));
    return roots;
  }

  private static ObjectNode version() {
    return Json.object()
        .put("major", "1")
        .put("minor", "32")
        .put("gitVersion", "v1.32.0+buildplane")
        .put("gitCommit", "")
        .put("gitTreeState", "clean")
        .put("buildDate", "1970-01-01T00:00:00Z")
        .put("goVersion", "")
        .put("compiler", "java")
        .put("platform", "java/" + Runtime.version().feature());
  }

  private void api(HttpExchange exchange, List<String> segments) {
    switch (segments.size()) {
      case 1 -> {
        if (aggregated(exchange)) {
          Answers.json(exchange, 200, discovery.aggregated(true), Discovery.AGGREGATED);
        } else {
          Answers.json(exchange, 200, discovery.coreVersions(exchange.authority()));
        }
      }
      case 2 -> Answers.json(exchange, 200, discovery.resources("", segments.get(1)));
      default -> throw ApiProblem.noSuchPath();
    }
  }

  private void apis(HttpExchange exchange, List<String> segments) {
    switch (segments.size()) {
      case 1 -> {
        if (aggregated(exchange)) {
          Answers.json(exchange, 200, discovery.aggregated(false), Discovery.AGGREGATED);
        } else {
          Answers.json(exchange, 200, discovery.groupList());
        }
      }
      case 2 -> Answers.json(exchange, 200, discovery.group(segments.get(1)));
      case 3 -> Answers.json(exchange, 200, discovery.resources(segments.get(1), segments.get(2)));
      default -> throw ApiProblem.noSuchPath();
    }
  }

  private static boolean aggregated(HttpExchange exchange) {
    return Discovery.wantsAggregated(String.join(",", exchange.headers().all("accept")));
  }

  /// Version 2 tells nothing but its version: what there is stands in version 3. `kubectl` asks for
  /// it before it sends a `List`, which it then does not check itself.
  private static void openApiV2(HttpExchange exchange) {
    if (String.join(",", exchange.headers().all("accept")).contains("+protobuf")) {
      exchange.respond(200, Headers.of("content-type", OPENAPI_V2_PROTOBUF), SWAGGER_2.clone());
      return;
    }
    var document = Json.object().put("swagger", "2.0");
    document.putObject("info").put("title", "Kubernetes").put("version", "v1.32.0");
    document.putObject("paths");
    document.putObject("definitions");
    Answers.json(exchange, 200, document);
  }

  private void openApi(HttpExchange exchange, List<String> segments) {
    if (segments.size() == 2 && segments.get(1).equals("v2")) {
      openApiV2(exchange);
      return;
    }
    if (segments.size() < 2 || !segments.get(1).equals("v3")) {
      throw ApiProblem.noSuchPath();
    }
    var body = segments.size() == 2
        ? openApi.index()
        : openApi.document(String.join("/", segments.subList(2, segments.size())));
    Answers.json(exchange, 200, body);
  }
}
