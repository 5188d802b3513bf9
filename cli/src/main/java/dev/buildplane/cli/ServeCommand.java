package dev.buildplane.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentHealth;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.metrics.Metrics;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `buildplane serve`.
@Command(
    name = "serve",
    description = {
      "Runs one role as a process in the foreground, for systemd and the like.",
      "",
      "'buildplane up' starts 'control-plane', 'build-plane' and further 'gateway's itself; 'agent' is the cluster agent alone, for a build cluster elsewhere."
    },
    subcommands = {
      ServeCommand.ControlPlane.class,
      ServeCommand.BuildPlane.class,
      ServeGateway.class,
      ServeCommand.AgentOnly.class
    },
    synopsisSubcommandLabel = "ROLE")
final class ServeCommand {
  @Mixin
  HelpOption help = new HelpOption();

  /// What every role process has in common.
  abstract static class RoleProcess implements Callable<Integer> {
    @Mixin
    HelpOption help = new HelpOption();

    @Option(
        names = "--log-level",
        paramLabel = "LEVEL",
        defaultValue = "info",
        description = "debug, info, warn or error (default: ${DEFAULT-VALUE})")
    String logLevel = "info";

    @Mixin
    TracingOption tracing = new TracingOption();

    @Option(
        names = "--parent",
        hidden = true,
        paramLabel = "PID",
        description = "End when this process ends")
    long parent;

    /// Starts the role; what it returns is closed at the end.
    abstract AutoCloseable start() throws Exception;

    /// How long what is under way may go on at the end, beside [Supervisor#STOP_WITHIN].
    Duration drain() {
      return Duration.ZERO;
    }

    @Override
    public final Integer call() throws Exception {
      var root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
      root.setLevel(Level.toLevel(logLevel, Level.INFO));
      quiet("io.fabric8", "io.netty", "io.javaoperatorsdk");
      // Every kind here is an alpha version, as in the system we are compatible with.
      ((Logger) LoggerFactory.getLogger(
              "io.fabric8.kubernetes.client.dsl.internal.VersionUsageUtils"))
          .setLevel(Level.ERROR);
      var stopWithin = Supervisor.STOP_WITHIN.plus(drain());
      var stop = new CountDownLatch(1);
      var stopped = new CountDownLatch(1);
      Runtime.getRuntime()
          .addShutdownHook(new Thread(
              () -> {
                stop.countDown();
                awaitQuietly(stopped, stopWithin);
              },
              "stop"));
      if (parent > 0) {
        ProcessHandle.of(parent)
            .ifPresentOrElse(handle -> handle.onExit().thenRun(stop::countDown), stop::countDown);
      }
      try (var _ = start()) {
        stop.await();
      } finally {
        stopped.countDown();
      }
      return ExitCode.OK.code();
    }

    /// Libraries that speak at the level of their own insides.
    private static void quiet(String... loggers) {
      for (var name : loggers) {
        ((Logger) LoggerFactory.getLogger(name)).setLevel(Level.WARN);
      }
    }

    /// Bounded, as a JVM that is about to end heeds no second signal.
    private static void awaitQuietly(CountDownLatch stopped, Duration within) {
      try {
        if (!stopped.await(within.toSeconds(), java.util.concurrent.TimeUnit.SECONDS)) {
          LoggerFactory.getLogger(ServeCommand.class).warn("stopping took too long; ending anyway");
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// `buildplane serve control-plane`.
  @Command(
      name = "control-plane",
      description = "API server, cluster gateway and operator of a standalone installation.")
  static final class ControlPlane extends RoleProcess {
    @Mixin
    DataDirectoryOption dataDirectory = new DataDirectoryOption();

    @Mixin
    ControlPlanePorts ports = new ControlPlanePorts();

    @Option(
        names = "--peer",
        paramLabel = "URL",
        description =
            "Callers' address of another gateway of this control plane, https://HOST:PORT; repeatable (default: none)")
    List<URI> peers = List.of();

    @Option(
        names = "--audit-log",
        paramLabel = "FILE",
        description =
            "Where the gateway writes its audit log, a JSON object a line (default: 'logs/audit.log' in the data directory)")
    @Nullable
    Path auditLog;

    @Override
    AutoCloseable start() throws Exception {
      var data = dataDirectory.resolve();
      data.create();
      ports.requireFree();
      return ControlPlaneRole.start(
          data,
          ports.api,
          new GatewayPorts(ports.agent, ports.gateway, ports.health),
          peers,
          auditLog,
          tracing);
    }
  }

  /// `buildplane serve build-plane`.
  @Command(
      name = "build-plane",
      description = "API server, runner and cluster agent of a standalone build plane.")
  static final class BuildPlane extends RoleProcess {
    @Mixin
    DataDirectoryOption dataDirectory = new DataDirectoryOption();

    @Option(
        names = "--server-url",
        paramLabel = "URL",
        defaultValue = "wss://127.0.0.1:8443/ws",
        description =
            "Where the agent dials the gateway; repeatable, one for each replica (default: ${DEFAULT-VALUE})")
    List<String> serverUrls = List.of();

    @Mixin
    BuildPlanePort port = new BuildPlanePort();

    @Override
    AutoCloseable start() throws Exception {
      var data = dataDirectory.resolve();
      data.create();
      port.requireFree();
      return BuildPlaneRole.start(data, serverUrls, port.api, tracing);
    }
  }

  /// `buildplane serve agent`; options as the v0.17 agent has them.
  @Command(
      name = "agent",
      description =
          "The cluster agent: dials the gateway and serves its cluster through that connection.")
  static final class AgentOnly extends RoleProcess {
    @Option(
        names = "--server-url",
        paramLabel = "URL",
        required = true,
        description =
            "Address of the gateway, wss://HOST:PORT/ws; repeatable. Where several replicas are found, by several URLs or several addresses of one name, the connections go to different ones")
    List<String> serverUrls = List.of();

    @Option(
        names = "--connections",
        paramLabel = "COUNT",
        defaultValue = "" + AgentSettings.DEFAULT_CONNECTIONS,
        description = "Connections to keep, 1 or 2 (default: ${DEFAULT-VALUE})")
    int connections;

    @Option(
        names = "--protocol",
        paramLabel = "PROTOCOL",
        defaultValue = "h2",
        description =
            "h2: HTTP/2, or the JSON messages of OpenChoreo v0.17 where the gateway knows nothing else; json: only those (default: ${DEFAULT-VALUE})")
    Protocol protocol = Protocol.h2;

    /// As typed; the values are those of the gateway's metrics.
    enum Protocol {
      h2,
      json
    }

    @Option(
        names = "--plane-type",
        paramLabel = "TYPE",
        defaultValue = "buildplane",
        description = "dataplane, buildplane or observabilityplane (default: ${DEFAULT-VALUE})")
    String planeType = "";

    @Option(
        names = "--plane-id",
        paramLabel = "ID",
        required = true,
        description = "The planeID that plane resources name")
    String planeId = "";

    @Option(
        names = "--client-cert",
        paramLabel = "FILE",
        defaultValue = "/certs/tls.crt",
        description = "The agent's certificate (default: ${DEFAULT-VALUE})")
    Path clientCertificate = Path.of("");

    @Option(
        names = "--client-key",
        paramLabel = "FILE",
        defaultValue = "/certs/tls.key",
        description = "Its key (default: ${DEFAULT-VALUE})")
    Path clientKey = Path.of("");

    @Option(
        names = "--server-ca",
        paramLabel = "FILE",
        defaultValue = "/ca-certs/server-ca.crt",
        description = "CA of the gateway (default: ${DEFAULT-VALUE})")
    Path serverCa = Path.of("");

    @Option(
        names = "--kubeconfig",
        paramLabel = "FILE",
        description = "Kubeconfig of the cluster (default: the pod's service account)")
    @Nullable
    Path kubeconfig;

    @Option(
        names = "--targets",
        paramLabel = "FILE",
        description = "Further targets besides the cluster's API server (default: none)")
    @Nullable
    Path targets;

    @Option(
        names = "--health-port",
        paramLabel = "PORT",
        defaultValue = "8081",
        description =
            "Port of health checks and metrics (default: ${DEFAULT-VALUE}; 0: any free one)")
    int healthPort;

    @Option(
        names = "--health-address",
        paramLabel = "ADDRESS",
        defaultValue = "127.0.0.1",
        description =
            "Address of that port; 0.0.0.0 in a pod, so that the kubelet reaches it (default: ${DEFAULT-VALUE})")
    InetAddress healthAddress = InetAddress.getLoopbackAddress();

    @Mixin
    DrainOption drain = new DrainOption();

    @Override
    Duration drain() {
      return drain.orElse(DrainOption.DEFAULT);
    }

    @Override
    AutoCloseable start() throws Exception {
      var parts = new Parts();
      try {
        var metrics = new Metrics();
        var agent = parts.add(BuildPlaneRole.agent(
            serverUrls,
            connections,
            protocol == Protocol.json,
            planeType,
            planeId,
            clientCertificate,
            clientKey,
            serverCa,
            kubeconfig,
            targets,
            drain(),
            metrics,
            tracing.start(BuildPlaneRole.AGENT_SERVICE, parts)));
        parts.add(health(agent, metrics));
        return parts;
      } catch (Exception | Error failed) {
        parts.close();
        throw failed;
      }
    }

    private AgentHealth health(Agent agent, Metrics metrics) {
      try {
        return AgentHealth.start(new InetSocketAddress(healthAddress, healthPort), agent, metrics);
      } catch (IOException taken) {
        throw new CliProblem(
            "expected to serve health and metrics on %s:%d, found the address taken or not ours; choose another with --health-address and --health-port (0 takes any free port)"
                .formatted(healthAddress, healthPort),
            taken);
      }
    }
  }
}
