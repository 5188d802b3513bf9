package dev.buildplane.cli;

import dev.buildplane.gateway.AuditFile;
import dev.buildplane.gateway.GatewaySettings;
import dev.buildplane.http.HttpLimits;
import dev.buildplane.metrics.Metrics;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
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
      names = "--audit-log",
      paramLabel = "FILE",
      description =
          "Where it writes its audit log, a JSON object a line (default: the process's own log; as a replica of 'buildplane up' 'logs/audit-gateway-N.log' in the data directory)")
  @Nullable
  Path auditLog;

  @Mixin
  DrainOption drain = new DrainOption();

  @Option(
      names = "--member",
      hidden = true,
      paramLabel = "INDEX",
      defaultValue = "0",
      description = "Tell the supervisor of the data directory, as that gateway")
  int member;

  /// As part of an installation on one machine, whoever stops it waits for it.
  @Override
  Duration drain() {
    return drain.orElse(member > 0 ? HttpLimits.DEFAULT.drain() : DrainOption.DEFAULT);
  }

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
      var certificates = parts.add(GatewayCertificates.follow(sources(pki)));
      var audit = audit(data, parts);
      var gateway = parts.add(GatewayRole.start(
          addresses(),
          peers(),
          certificates,
          client,
          new Metrics(),
          tracing.start(GatewayRole.SERVICE, parts),
          settings -> audit.apply(settings.withLimits(settings.limits().withDrain(drain())))));
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

  private UnaryOperator<GatewaySettings> audit(DataDirectory data, Parts parts) throws IOException {
    var file = auditLog == null && member > 0
        ? data.logs().resolve("audit-" + Member.gateway(member).label() + ".log")
        : auditLog;
    if (file == null) {
      return UnaryOperator.identity();
    }
    var log = parts.add(new AuditFile(file));
    return settings -> settings.withAudit(log);
  }

  private GatewayCertificates.Sources sources(StandalonePki pki) {
    var standalone = GatewayCertificates.Sources.standalone(pki);
    return new GatewayCertificates.Sources(
        pair("server", serverCertificate, serverKey, standalone.server()),
        callerCa == null ? standalone.callerCa() : callerCa,
        pair("peer", peerCertificate, peerKey, standalone.peer()),
        peerCa == null ? standalone.peerCa() : peerCa);
  }

  private static GatewayCertificates.Pair pair(
      String option,
      @Nullable Path certificate,
      @Nullable Path key,
      GatewayCertificates.Pair standalone) {
    if (certificate != null && key != null) {
      return new GatewayCertificates.Pair(certificate, key);
    }
    if (certificate != null || key != null) {
      throw new CliProblem(
          "expected --%1$s-cert and --%1$s-key together, found only --%1$s-%2$s; add the other, or leave both out"
              .formatted(option, certificate == null ? "key" : "cert"),
          ExitCode.USAGE);
    }
    return standalone;
  }
}
