package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.ProblemFormat;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.store.ObjectStore;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/// A Kubernetes-compatible API server over an [ObjectStore]: what `kubectl`, client libraries and
/// operators use of one, with built-in kinds, CustomResourceDefinitions, RBAC and pod logs.
///
/// Callers show a client certificate (common name = user, organisations = groups) or a service
/// account token; members of `system:masters` may do everything. Only `/healthz`, `/livez` and
/// `/readyz` are public. A write that was answered is on the disk.
public final class ApiServer implements AutoCloseable {
  /// Largest request body, in bytes, as Kubernetes has it.
  static final long MAX_BODY_BYTES = 3L * 1024 * 1024;

  private final HttpServer server;
  private final Watching watching;
  private final Collector collector;

  private ApiServer(HttpServer server, Watching watching, Collector collector) {
    this.server = server;
    this.watching = watching;
    this.collector = collector;
  }

  /// Starts serving. The store stays the caller's, who closes it after the server.
  ///
  /// @throws IOException when the address cannot be bound
  public static ApiServer start(ApiServerSettings settings, ObjectStore store, PodLogs logs)
      throws IOException {
    var clocked = new Clocked(settings.clock(), settings.random());
    var registry = new Registry(BuiltIns.all());
    var objects = new Objects(store);
    var rbac = new Rbac(objects, registry);
    var listener = new Bookkeeping(registry, rbac);
    var writes = new Writes(store, objects, registry.builtIn("", "namespaces"), clocked, listener);
    var deletions = new Deletions(store, objects, clocked, listener);
    objects
        .all(registry.builtIn("apiextensions.k8s.io", "customresourcedefinitions"), "")
        .forEach(registry::define);
    createNamespaces(registry, objects, writes);

    var watching = new Watching(store, objects, clocked);
    registry.whenGone(watching::end);
    var tokens = new Tokens(store, objects, registry.builtIn("", "serviceaccounts"), clocked);
    var resources = new ResourceRequests(
        registry,
        objects,
        writes,
        deletions,
        watching,
        rbac,
        new Reviews(rbac, tokens),
        tokens,
        new LogAnswers(logs, clocked),
        clocked);
    var requests = new Requests(resources, new Discovery(registry), new OpenApi(registry), rbac);
    var policy = new Authentication(settings.clientTrust(), tokens, clocked).policy();
    var collector = new Collector(store, registry, objects, writes, deletions, settings.name());
    var server = HttpServer.start(http(settings), routes(requests, policy));
    collector.start();
    return new ApiServer(server, watching, collector);
  }

  /// What else changes when objects of certain types do.
  private record Bookkeeping(Registry registry, Rbac rbac) implements Writes.Listener {
    @Override
    public void written(ResourceType type, ObjectNode object) {
      rbac.changed(type);
      if (type.kind().equals("CustomResourceDefinition")) {
        registry.define(object);
      }
    }

    @Override
    public void deleted(ResourceType type, ObjectNode object) {
      rbac.changed(type);
      if (type.kind().equals("CustomResourceDefinition")) {
        registry.undefine(Meta.name(object));
      }
    }
  }

  private static void createNamespaces(Registry registry, Objects objects, Writes writes) {
    var type = registry.builtIn("", "namespaces");
    for (var name : Deletions.PERMANENT_NAMESPACES) {
      if (objects.find(type, "", name).isEmpty()) {
        var namespace = Json.object().put("apiVersion", "v1").put("kind", "Namespace");
        namespace.putObject("metadata").put("name", name);
        writes.create(type, "", namespace, WriteOptions.internal());
      }
    }
  }

  private static HttpServerSettings http(ApiServerSettings settings) {
    return HttpServerSettings.tls(
            settings.name(), settings.bind(), TlsIdentity.of(settings.identity()))
        .withProblemFormat(ProblemFormat.KUBERNETES_STATUS);
  }

  private static Router routes(Requests requests, Policy policy) {
    var routes = Router.builder();
    for (var path : List.of("/healthz", "/livez", "/readyz")) {
      routes.route(Route.get(path, Policy.PUBLIC, exchange -> Answers.text(exchange, "ok")));
    }
    var all = Route.blocking(Set.of(), "/**", policy, requests).withMaxBodyBytes(MAX_BODY_BYTES);
    return routes.route(all).build();
  }

  /// Every route, for tests of the access table.
  public List<Route> routes() {
    return server.router().routes();
  }

  /// The port it listens on.
  public int port() {
    return server.port();
  }

  /// Ends open watches and requests, then the background work. The store stays open.
  @Override
  public void close() {
    watching.close();
    server.close();
    collector.close();
  }
}
