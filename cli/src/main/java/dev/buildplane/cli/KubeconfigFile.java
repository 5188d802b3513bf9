package dev.buildplane.cli;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;

/// A kubeconfig with embedded certificates, so that the one file is all that `kubectl` needs.
final class KubeconfigFile {
  /// One context; cluster and user carry its name.
  record Context(String name, String server, TrustBundle serverTrust, Identity user) {}

  private KubeconfigFile() {}

  /// @param contexts the first is the current one
  static String render(List<Context> contexts) {
    return """
        apiVersion: v1
        kind: Config
        current-context: %s
        clusters:
        %scontexts:
        %susers:
        %s""".formatted(
            contexts.getFirst().name(),
            contexts.stream().map(KubeconfigFile::cluster).collect(Collectors.joining()),
            contexts.stream().map(KubeconfigFile::context).collect(Collectors.joining()),
            contexts.stream().map(KubeconfigFile::user).collect(Collectors.joining()));
  }

  private static String cluster(Context context) {
    return """
        - name: %s
          cluster:
            server: %s
            certificate-authority-data: %s
        """.formatted(
            context.name(), context.server(), base64(context.serverTrust().pem()));
  }

  private static String context(Context context) {
    return """
        - name: %s
          context:
            cluster: %s
            user: %s
            namespace: default
        """.formatted(context.name(), context.name(), context.name());
  }

  private static String user(Context context) {
    return """
        - name: %s
          user:
            client-certificate-data: %s
            client-key-data: %s
        """.formatted(
            context.name(),
            base64(context.user().certificatePem()),
            base64(context.user().keyPem()));
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.US_ASCII));
  }
}
