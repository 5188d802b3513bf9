package dev.buildplane.cli;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.operator.PlaneClients;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a command reaches the control plane: by `--kubeconfig`, else by the standalone installation's own.
final class Hub {
  private static final String CONTROL_PLANE = "control-plane";
  private static final String GATEWAY = "gateway";
  private static final String UNKNOWN_CALLER = "USER";
  private static final int REQUEST_TIMEOUT_MILLIS = 20_000;

  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Option(
      names = "--kubeconfig",
      paramLabel = "FILE",
      description = "Kubeconfig of the control plane (default: 'kubeconfig' in the data directory)")
  @Nullable
  Path kubeconfig;

  @Option(
      names = "--context",
      paramLabel = "NAME",
      description = "Context of the kubeconfig (default: control-plane)")
  @Nullable
  String context;

  @Option(
      names = "--gateway",
      paramLabel = "URL",
      description =
          "Callers' address of the cluster gateway (default: the kubeconfig's cluster 'gateway')")
  @Nullable
  String gateway;

  @Option(
      names = "--gateway-ca",
      paramLabel = "FILE",
      description =
          "CA of the cluster gateway (default: that of the kubeconfig's cluster 'gateway')")
  @Nullable
  Path gatewayCa;

  /// A client of the control plane's API server; the caller closes it.
  KubernetesClient connect() {
    return connect(config(controlPlaneContext()));
  }

  private String controlPlaneContext() {
    return context == null ? CONTROL_PLANE : context;
  }

  static KubernetesClient connect(Config config) {
    config.setClientKeyAlgo(keyAlgorithm(config));
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /// As [#connectPlane(PlaneRef, String)], of the plane a run was placed on.
  KubernetesClient connectPlane(PlanePin pin) {
    return connectPlane(pin.plane(), pin.planeId());
  }

  /// A client of a build plane's API server by way of the gateway and the tunnel; the caller closes it.
  KubernetesClient connectPlane(PlaneRef plane, String planeId) {
    var base = gatewayConfig();
    return connect(
        new ConfigBuilder(base).withMasterUrl(planeUrl(base, plane, planeId)).build());
  }

  private static String planeUrl(Config gateway, PlaneRef plane, String planeId) {
    return PlaneClients.masterUrl(URI.create(gateway.getMasterUrl()), plane, planeId)
        .toString();
  }

  /// A client of the gateway's own API; the caller closes it.
  GatewayClient connectGateway() {
    return new GatewayClient(connect(gatewayConfig()));
  }

  /// Who vouches for the gateway, towards agents as towards callers.
  TrustBundle gatewayTrust() {
    return trust(gatewayConfig());
  }

  /// A kubeconfig with one context of that name: a plane's API server by way of the gateway, and the same user as here.
  Kubeconfig planeKubeconfig(String name, PlaneRef plane, String planeId) {
    var config = gatewayConfig();
    var file = file();
    var user = Kubeconfig.read(file)
        .user(gatewayContext())
        .orElseThrow(() -> new CliProblem(
            "expected a user for the context '%s' in %s, found none; name another file with --kubeconfig"
                .formatted(gatewayContext(), file)));
    return Kubeconfig.EMPTY.with(name, planeUrl(config, plane, planeId), trust(config), user);
  }

  private static TrustBundle trust(Config config) {
    try {
      return TrustBundle.parse(pem(config.getCaCertData(), config.getCaCertFile()));
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected the CA of the cluster gateway in the kubeconfig, found: %s; name it with --gateway-ca FILE"
              .formatted(unusable.getMessage()),
          unusable);
    }
  }

  /// Where the gateway is and who asks: the kubeconfig's context 'gateway'; where there is none, as on Kubernetes, `--gateway`
  /// with the control plane's user.
  private Config gatewayConfig() {
    var config = new ConfigBuilder(config(gatewayContext()));
    if (gateway != null) {
      config.withMasterUrl(gateway);
    }
    if (gatewayCa != null) {
      config.withCaCertData(null).withCaCertFile(gatewayCa.toString());
    }
    return config.build();
  }

  private String gatewayContext() {
    return gateway == null || Kubeconfig.read(file()).hasContext(GATEWAY)
        ? GATEWAY
        : controlPlaneContext();
  }

  /// How to call the same control plane again, for commands shown to the user.
  ShownCommands commands() {
    var options = new StringBuilder();
    if (dataDirectory.folder != null) {
      options.append(" --data-dir ").append(ShownCommands.quote(dataDirectory.folder.toString()));
    }
    if (kubeconfig != null) {
      options.append(" --kubeconfig ").append(ShownCommands.quote(kubeconfig.toString()));
    }
    if (context != null) {
      options.append(" --context ").append(ShownCommands.quote(context));
    }
    if (gateway != null) {
      options.append(" --gateway ").append(ShownCommands.quote(gateway));
    }
    if (gatewayCa != null) {
      options.append(" --gateway-ca ").append(ShownCommands.quote(gatewayCa.toString()));
    }
    return new ShownCommands(
        "kubectl --kubeconfig " + ShownCommands.quote(file().toString()) + " --context "
            + ShownCommands.quote(controlPlaneContext()),
        options.toString(),
        standalone().map(Installation::agentUrl).orElse(ShownCommands.UNKNOWN_AGENT_URL));
  }

  /// Who asks the gateway, as its roles name users: the common name of the client certificate.
  String caller() {
    try {
      var config = gatewayConfig();
      var chain = pem(config.getClientCertData(), config.getClientCertFile());
      return chain.isEmpty()
          ? UNKNOWN_CALLER
          : Certificates.commonName(TrustBundle.parse(chain).certificates().getFirst())
              .orElse(UNKNOWN_CALLER);
    } catch (CliProblem | CertificateProblem | IOException unknown) {
      return UNKNOWN_CALLER; // it only stands in commands that are shown
    }
  }

  /// The installation that runs on the data directory, unless a kubeconfig of something else is named.
  Optional<Installation> standalone() {
    return kubeconfig == null ? Installation.running(dataDirectory.resolve()) : Optional.empty();
  }

  private Path file() {
    return kubeconfig == null ? dataDirectory.resolve().kubeconfig() : kubeconfig;
  }

  private Config config(String contextName) {
    var file = file();
    if (!Files.isReadable(file)) {
      throw new CliProblem(
          "expected a kubeconfig in %s, found none; start an installation with 'buildplane up', or name one with --kubeconfig or --data-dir"
              .formatted(file),
          ExitCode.UNREACHABLE);
    }
    var config = Config.fromKubeconfig(contextName, file.toFile());
    if (config.getCurrentContext() == null
        || !contextName.equals(config.getCurrentContext().getName())) {
      throw new CliProblem(
          "expected a context '%s' in %s, found none; list them with 'kubectl config get-contexts --kubeconfig %s'%s"
              .formatted(
                  contextName,
                  file,
                  file,
                  contextName.equals(GATEWAY)
                      ? ", or say where the gateway is with --gateway URL --gateway-ca FILE"
                      : ""),
          ExitCode.NOT_FOUND);
    }
    config.setRequestTimeout(REQUEST_TIMEOUT_MILLIS);
    config.setConnectionTimeout(REQUEST_TIMEOUT_MILLIS);
    config.setRequestRetryBackoffLimit(1);
    return config;
  }

  /// The client takes every `PRIVATE KEY` for RSA unless told.
  private static String keyAlgorithm(Config config) {
    try {
      var certificate = pem(config.getClientCertData(), config.getClientCertFile());
      var key = pem(config.getClientKeyData(), config.getClientKeyFile());
      return certificate.isEmpty() || key.isEmpty()
          ? "RSA"
          : Identity.parse(certificate, key).key().getAlgorithm();
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected a client certificate and its key in the kubeconfig, found: "
              + unusable.getMessage(),
          unusable);
    }
  }

  private static String pem(@Nullable String data, @Nullable String file) throws IOException {
    if (data != null) {
      return new String(Base64.getMimeDecoder().decode(data), StandardCharsets.US_ASCII);
    }
    return file == null ? "" : Files.readString(Path.of(file));
  }
}
