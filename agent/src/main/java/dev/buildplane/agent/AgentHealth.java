package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.metrics.Metrics;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;

/// The health endpoint of an agent, in the clear: `/healthz`, `/livez`, `/readyz` and `/metrics`.
///
/// Alive is whoever answers: an agent whose gateway is away goes on dialling, and a restart would not help it. Ready means that a request
/// can come through.
public final class AgentHealth implements AutoCloseable {
  private final HttpServer server;

  private AgentHealth(HttpServer server) {
    this.server = server;
  }

  /// Starts answering.
  ///
  /// @param address port 0 takes any free one
  /// @throws IOException when it cannot be bound
  public static AgentHealth start(InetSocketAddress address, Agent agent, Metrics metrics)
      throws IOException {
    var router = Router.builder();
    for (var path : List.of("/healthz", "/livez")) {
      router.route(Route.get(path, Policy.PUBLIC, exchange -> plain(exchange, 200, "OK")));
    }
    router.route(Route.get("/readyz", Policy.PUBLIC, exchange -> ready(exchange, agent.status())));
    router.route(Route.get(
        "/metrics",
        Policy.PUBLIC,
        exchange -> exchange.respond(
            200,
            Headers.of("content-type", "text/plain; version=0.0.4; charset=utf-8"),
            metrics.render().getBytes(UTF_8))));
    return new AgentHealth(HttpServer.start(
        HttpServerSettings.plain("agent-health", address).withEventLoops(1), router.build()));
  }

  private static void ready(HttpExchange exchange, AgentStatus status) {
    var tunnels = status.connected() + " of " + status.wanted() + " tunnels to the gateway are up";
    var problem = status.lastProblem().map(text -> "; last problem: " + text).orElse("");
    plain(exchange, status.ready() ? 200 : 503, tunnels + problem);
  }

  private static void plain(HttpExchange exchange, int status, String text) {
    exchange.respond(
        status,
        Headers.of("content-type", "text/plain; charset=utf-8"),
        (text + "\n").getBytes(UTF_8));
  }

  /// The port it listens on.
  public int port() {
    return server.port();
  }

  @Override
  public void close() {
    server.close();
  }
}
