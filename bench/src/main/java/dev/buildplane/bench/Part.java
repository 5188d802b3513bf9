package dev.buildplane.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.gateway.Gateway;
import dev.buildplane.gateway.GatewaySettings;
import dev.buildplane.http.HttpLimits;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.model.Crds;
import dev.buildplane.operator.BuildplaneOperator;
import dev.buildplane.operator.OperatorSettings;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.slf4j.LoggerFactory;

/// One part of the product in a process of its own, so that its processor time and memory can be told from the others'.
///
/// Arguments: the part, the file to write its ports to once it serves, the folder of certificates, then the part's own.
/// Ends with the process that started it.
public final class Part {
  /// Every connection here comes from one address.
  private static final int CONNECTIONS = 20_000;

  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  private Part() {}

  /// A running part.
  ///
  /// @param ports by name
  record Running(Map<String, Integer> ports, AutoCloseable part) {}

  public static void main(String[] arguments) throws Exception {
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
    var certificates = new Certificates(Path.of(arguments[2]));
    var running = switch (arguments[0]) {
      case "target" -> target(certificates);
      case "hub" -> hub(certificates, Path.of(arguments[3]));
      case "gateway" -> gateway(certificates, Integer.parseInt(arguments[3]));
      case "bare" -> bare(certificates, Integer.parseInt(arguments[3]));
      case "operator" ->
        operator(certificates, Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]));
      default -> throw new IllegalArgumentException("no part named " + arguments[0]);
    };
    announce(running.ports(), Path.of(arguments[1]));
    var ended = new CountDownLatch(1);
    ProcessHandle.current()
        .parent()
        .ifPresentOrElse(parent -> parent.onExit().thenRun(ended::countDown), ended::countDown);
    ended.await();
    System.exit(0);
  }

  private static Running target(Certificates certificates) throws Exception {
    var target = TargetServer.start(certificates.identity("server"));
    return new Running(Map.of("target", target.port()), target);
  }

  private static Running hub(Certificates certificates, Path data) throws Exception {
    var store =
        ObjectStore.open(StoreSettings.at(Files.createDirectories(data).resolve("objects.db")));
    var server = ApiServer.start(
        ApiServerSettings.of(
            "hub", any(), certificates.identity("server"), certificates.trust("internal-ca")),
        store,
        PodLogs.NONE);
    try (var client = client(certificates, server.port())) {
      for (var crd : Crds.all()) {
        client
            .load(new java.io.ByteArrayInputStream(crd.getBytes(StandardCharsets.UTF_8)))
            .create();
      }
    }
    return new Running(Map.of("api", server.port()), server);
  }

  /// Returns when the gateway has read the planes: before that it turns agents away, and they wait.
  private static Running gateway(Certificates certificates, int hubPort) throws Exception {
    var callers = certificates.trust("internal-ca");
    var gateway = Gateway.start(
        GatewaySettings.of(
                any(), any(), any(), TlsIdentity.of(certificates.identity("server")), () -> callers)
            .withLimits(HttpLimits.DEFAULT.withConnections(CONNECTIONS, CONNECTIONS)),
        client(certificates, hubPort));
    while (!gateway.ready()) {
      Thread.sleep(LOOK_EVERY);
    }
    return new Running(
        Map.of(
            "agents", gateway.agentPort(),
            "callers", gateway.callerPort(),
            "health", gateway.healthPort()),
        gateway);
  }

  private static Running bare(Certificates certificates, int upstream) throws Exception {
    var proxy =
        BareProxy.start(certificates.identity("server"), certificates.trust("server-ca"), upstream);
    return new Running(Map.of("callers", proxy.port()), proxy);
  }

  private static Running operator(Certificates certificates, int hubPort, int gatewayPort)
      throws Exception {
    var operator = BuildplaneOperator.start(
        OperatorSettings.of(
            URI.create("https://127.0.0.1:" + gatewayPort),
            certificates.identity("admin"),
            certificates.trust("server-ca")),
        client(certificates, hubPort));
    return new Running(Map.of(), operator);
  }

  /// A client of the hub with every right.
  static KubernetesClient client(Certificates certificates, int hubPort) throws Exception {
    return client(
        "https://127.0.0.1:" + hubPort,
        certificates.trust("server-ca"),
        certificates.identity("admin"));
  }

  private static KubernetesClient client(String url, TrustBundle trust, Identity user) {
    var config = new ConfigBuilder(Config.empty())
        .withMasterUrl(url)
        .withCaCertData(base64(trust.pem()))
        .withClientCertData(base64(user.certificatePem()))
        .withClientKeyData(base64(user.keyPem()))
        .withClientKeyAlgo("EC")
        .withNamespace("default")
        .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static InetSocketAddress any() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  /// By renaming, so that whoever waits for the file never reads half of it.
  private static void announce(Map<String, Integer> ports, Path file) throws Exception {
    var properties = new Properties();
    ports.forEach((name, port) -> properties.setProperty(name, port.toString()));
    var unfinished = file.resolveSibling(file.getFileName() + ".new");
    try (var out = Files.newBufferedWriter(unfinished)) {
      properties.store(out, null);
    }
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
