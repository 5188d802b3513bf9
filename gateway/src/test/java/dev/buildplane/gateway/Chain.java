package dev.buildplane.gateway;

import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.http.Route;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.HostileHttp2;
import dev.buildplane.testkit.RawHttp;
import dev.buildplane.testkit.RecordingTarget;
import dev.buildplane.testkit.TestTls;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLContext;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/// All of it: a hub, a gateway before it, a real agent of the plane `chain`, and a target behind the agent that records what
/// reaches it. Made once for all test classes that ask for it as a parameter.
final class Chain implements AutoCloseable {
  static final String PLANE = "chain";
  static final String AGENT_TOKEN = "token-of-the-agent";
  static final String PROXY = "/api/proxy/buildplane/" + PLANE + "/_cluster/" + PLANE + "/k8s";

  final TestHub hub;
  final RecordingTarget target;
  final CertificateAuthority foreign = CertificateAuthority.create("foreign", TestHub.YEAR);
  final Identity operator;
  private final Map<Optional<Identity>, SSLContext> contexts = new ConcurrentHashMap<>();
  private final Path folder;
  private final Agent agent;

  private Chain(Path folder) throws Exception {
    this.folder = folder;
    hub = new TestHub(folder);
    target = new RecordingTarget(hub.serverIdentity());
    operator = hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    hub.plane(PLANE, null, ClientCA.ofValue(hub.agents.certificatePem()));
    var own = hub.agentIdentity();
    Files.writeString(folder.resolve("tls.crt"), own.certificatePem());
    Files.writeString(folder.resolve("tls.key"), own.keyPem());
    Files.writeString(folder.resolve("ca.pem"), hub.ca.certificatePem());
    Files.writeString(folder.resolve("token"), AGENT_TOKEN);
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: x
        contexts: [{ name: x, context: { cluster: x, user: x } }]
        clusters: [{ name: x, cluster: { server: "https://localhost:%d", certificate-authority: ca.pem } }]
        users: [{ name: x, user: { tokenFile: token } }]
        """.formatted(target.port()));
    agent = Agent.start(AgentSettings.of(
        URI.create("wss://localhost:" + hub.gateway.agentPort() + "/ws"),
        "buildplane",
        PLANE,
        folder.resolve("tls.crt"),
        folder.resolve("tls.key"),
        folder.resolve("ca.pem"),
        Optional.of(folder.resolve("kubeconfig"))));
    Awaitility.await().atMost(TestHub.PATIENCE).until(this::works);
    target.forget();
  }

  /// Whether a call of the operator comes through.
  boolean works() throws IOException {
    try (var caller = callers(operator)) {
      return caller.send(get(PROXY + "/canary")).read().status() == 200;
    }
  }

  static String get(String path, String... headerLines) {
    return request("GET", path, headerLines);
  }

  static String request(String method, String path, String... headerLines) {
    var request = new StringBuilder(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n");
    for (var line : headerLines) {
      request.append(line).append("\r\n");
    }
    return request.append("\r\n").toString();
  }

  /// One context per identity, so that sessions are resumed as real clients do.
  SSLContext tls(@Nullable Identity identity) {
    return contexts.computeIfAbsent(
        Optional.ofNullable(identity), own -> TestTls.context(own.orElse(null), hub.ca.trust()));
  }

  RawHttp callers(@Nullable Identity identity) throws IOException {
    return RawHttp.tls(hub.gateway.callerPort(), tls(identity), "http/1.1");
  }

  RawHttp agents(@Nullable Identity identity) throws IOException {
    return RawHttp.tls(hub.gateway.agentPort(), tls(identity), "http/1.1");
  }

  HostileHttp2 callersOverHttp2(@Nullable Identity identity) throws IOException {
    return HostileHttp2.connect(hub.gateway.callerPort(), tls(identity));
  }

  int port(String listener) {
    return switch (listener) {
      case "agents" -> hub.gateway.agentPort();
      case "callers" -> hub.gateway.callerPort();
      case "health" -> hub.gateway.healthPort();
      case "api-server" -> hub.server.port();
      default -> throw new IllegalArgumentException("no listener " + listener);
    };
  }

  /// Every route that runs, by listener.
  Map<String, List<Route>> routes() {
    var all = new HashMap<>(hub.gateway.routes());
    all.put("api-server", hub.server.routes());
    return all;
  }

  /// A client certificate of the internal CA that ended yesterday.
  Identity expired() {
    var past = Clock.fixed(Instant.now().minus(Duration.ofDays(3)), ZoneOffset.UTC);
    return CertificateAuthority.of(hub.ca.identity(), past)
        .issueClient("operator", List.of("system:masters"), Duration.ofDays(2));
  }

  @Override
  public void close() throws Exception {
    agent.close();
    target.close();
    hub.close();
    try (var files = Files.list(folder)) {
      for (var file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(folder);
  }

  /// Hands the one chain to whoever asks; it is closed when all tests are over.
  static final class Given implements ParameterResolver {
    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
      return parameter.getParameter().getType() == Chain.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
      return context
          .getRoot()
          .getStore(ExtensionContext.Namespace.create(Chain.class))
          .computeIfAbsent(Chain.class, _ -> start());
    }

    private static Chain start() {
      try {
        return new Chain(Files.createTempDirectory("chain"));
      } catch (Exception e) {
        throw new IllegalStateException("the chain did not start", e);
      }
    }
  }
}
