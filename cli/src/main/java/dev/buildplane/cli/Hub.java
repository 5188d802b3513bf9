package dev.buildplane.cli;

import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// How a command reaches the control plane: by `--kubeconfig`, else by the standalone installation's own.
final class Hub {
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

  /// A client of the control plane's API server; the caller closes it.
  KubernetesClient connect() {
    return connect(config(context == null ? "control-plane" : context));
  }

  static KubernetesClient connect(Config config) {
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /// A client of a build plane's API server by way of the gateway and the tunnel; the caller closes it.
  KubernetesClient connectPlane(PlanePin plane) {
    var base = config("gateway");
    var address = (gateway == null ? base.getMasterUrl() : gateway).replaceAll("/+$", "");
    return connect(
        new ConfigBuilder(base).withMasterUrl(address + plane.proxyPath()).build());
  }

  private Config config(String contextName) {
    var file = kubeconfig == null ? dataDirectory.resolve().kubeconfig() : kubeconfig;
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
          "expected a context '%s' in %s, found none; list them with 'kubectl config get-contexts --kubeconfig %s'"
              .formatted(contextName, file, file),
          ExitCode.NOT_FOUND);
    }
    config.setClientKeyAlgo(keyAlgorithm(config));
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
