package dev.buildplane.cli;

import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `buildplane serve gateway`.
@Command(
    name = "gateway",
    description = {
      "One replica of the cluster gateway.",
      "",
      "Without further options it is a replica of the standalone installation on the data directory, with that one's certificates. Elsewhere name the control plane's API server and the certificates."
    })
final class ServeGateway extends ServeCommand.RoleProcess {
  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Option(
      names = "--api-url",
      paramLabel = "URL",
      defaultValue = "https://127.0.0.1:7443",
      description = "The control plane's API server (default: ${DEFAULT-VALUE})")
  String apiUrl = "";

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description =
          "Kubeconfig of the control plane, instead of --api-url and the data directory's certificates")
  @Nullable
  Path kubeconfig;

  @Option(
      names = "--bind",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description = "Address to listen on (default: ${DEFAULT-VALUE})")
  String bind = "";

  @Option(
      names = "--agent-port",
      paramLabel = "PORT",
      defaultValue = "8443",
      description = "Port for agents (default: ${DEFAULT-VALUE}; 0: any free one)")
  int agentPort;

  @Option(
      names = "--gateway-port",
      paramLabel = "PORT",
      defaultValue = "8444",
      description =
          "Port for callers and other replicas (default: ${DEFAULT-VALUE}; 0: any free one)")
  int gatewayPort;

  @Option(
      names = "--health-port",
      paramLabel = "PORT",
      defaultValue = "8080",
      description =
          "Port of health checks and metrics (default: ${DEFAULT-VALUE}; 0: any free one)")
  int healthPort;

  @Option(
      names = "--peer",
      paramLabel = "URL",
      description =
          "Callers' address of another replica, https://HOST:PORT; repeatable; this replica's own may be among them (default: none)")
  List<URI> peers = List.of();

  @Option(
      names = "--peer-service",
      paramLabel = "URL",
      description =
          "Instead of --peer: https://NAME:PORT whose every address is a replica, as a headless service has it; resolved anew every 5 s")
  @Nullable
  URI peerService;

  @Option(
      names = "--peer-ping",
      paramLabel = "SECONDS",
      defaultValue = "10",
      description =
          "How often replicas and followers of the feed hear of this one at least (default: ${DEFAULT-VALUE})")
  int pingSeconds;

  @Option(
      names = "--peer-lease",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "How long another replica's word counts after its last sign of life (default: ${DEFAULT-VALUE})")
  int leaseSeconds;

  @Option(
      names = "--server-cert",
      paramLabel = "FILE",
      description = "Serving certificate (default: the data directory's)")
  @Nullable
  Path serverCertificate;

  @Option(names = "--server-key", paramLabel = "FILE", description = "Its key")
  @Nullable
  Path serverKey;

  @Option(
      names = "--caller-ca",
      paramLabel = "FILE",
      description = "CA of callers' client certificates (default: the data directory's)")
  @Nullable
  Path callerCa;

  @Option(
      names = "--peer-cert",
      paramLabel = "FILE",
      description =
          "Client certificate shown to other replicas, of the callers' CA and with organisation buildplane:gateways (default: the data directory's)")
  @Nullable
  Path peerCertificate;

  @Option(names = "--peer-key", paramLabel = "FILE", description = "Its key")
  @Nullable
  Path peerKey;

  @Option(
      names = "--peer-ca",
      paramLabel = "FILE",
      description = "CA of other replicas' serving certificates (default: the data directory's)")
  @Nullable
  Path peerCa;

  @Option(
      names = "--member",
      hidden = true,
      paramLabel = "INDEX",
      defaultValue = "0",
      description = "Tell the supervisor of the data directory, as that gateway")
  int member;

  @Override
  AutoCloseable start() throws Exception {
    var data = dataDirectory.resolve();
    Supervisor.requireFree(agentPort, "--agent-port");
    Supervisor.requireFree(gatewayPort, "--gateway-port");
    Supervisor.requireFree(healthPort, "--health-port");
    var pki = new StandalonePki(data.pki());
    var parts = new Parts();
    try {
      var client = parts.add(hub(pki));
      var gateway = parts.add(
          GatewayRole.start(addresses(), peers(), certificates(pki), client, new Metrics()));
      if (member > 0) {
        GatewayRole.ready(gateway).write(data, Member.gateway(member));
      }
      return parts;
    } catch (Exception | Error failed) {
      parts.close();
      throw failed;
    }
  }

  private KubernetesClient hub(StandalonePki pki) {
    return kubeconfig == null
        ? Clients.connect(apiUrl, pki.trust("control-plane-ca"), pki.identity("gateway"))
        : Hub.connect(Config.fromKubeconfig(kubeconfig.toFile()));
  }

  private GatewayRole.Addresses addresses() {
    return new GatewayRole.Addresses(
        new InetSocketAddress(bind, agentPort),
        new InetSocketAddress(bind, gatewayPort),
        new InetSocketAddress(bind, healthPort));
  }

  private GatewayRole.Peers peers() {
    if (peerService != null && !peers.isEmpty()) {
      throw new CliProblem(
          "expected --peer or --peer-service, found both; leave one out", ExitCode.USAGE);
    }
    return new GatewayRole.Peers(
        peers,
        Optional.ofNullable(peerService),
        Duration.ofSeconds(pingSeconds),
        Duration.ofSeconds(leaseSeconds));
  }

  private GatewayRole.Certificates certificates(StandalonePki pki) {
    return new GatewayRole.Certificates(
        identity(serverCertificate, serverKey, pki, "gateway-server"),
        trust(callerCa, pki, "internal-ca"),
        identity(peerCertificate, peerKey, pki, "gateway-peer"),
        trust(peerCa, pki, "control-plane-ca"));
  }

  private static Identity identity(
      @Nullable Path certificate, @Nullable Path key, StandalonePki pki, String standalone) {
    if (certificate == null || key == null) {
      return pki.identity(standalone);
    }
    try {
      return Identity.read(certificate, key);
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected a certificate in %s and its key in %s, found: %s"
              .formatted(certificate, key, unusable.getMessage()),
          unusable);
    }
  }

  private static TrustBundle trust(@Nullable Path file, StandalonePki pki, String standalone) {
    if (file == null) {
      return pki.trust(standalone);
    }
    try {
      return TrustBundle.read(file);
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected CA certificates in %s, found: %s".formatted(file, unusable.getMessage()),
          unusable);
    }
  }
}
