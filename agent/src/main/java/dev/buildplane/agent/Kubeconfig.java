package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.pki.Identity;
import io.netty.handler.ssl.SslContext;
import java.net.URI;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The target `k8s` out of a kubeconfig file: its current context's server, CA, client certificate, token or basic
/// credentials, as data or as files. Exec plugins and auth providers are refused with a word: the agent starts no programs.
record Kubeconfig(Target target, Set<Path> files) {
  static final String TARGET_NAME = "k8s";

  static Kubeconfig read(Path file) throws AgentProblem {
    var document = new Document(file);
    var contextName = document.required(document.root(), "current-context", "");
    var context = named(document, "contexts", contextName).path("context");
    var cluster = named(document, "clusters", document.required(context, "cluster", "context"))
        .path("cluster");
    var userName = document.optional(context, "user");
    var user = userName == null
        ? context.path("user")
        : named(document, "users", userName).path("user");
    if (user.has("exec") || user.has("auth-provider")) {
      throw document.problem("expected certificate, token or password for user '" + userName
          + "', found an exec plugin or auth provider; write a static credential instead");
    }
    var endpoint =
        Target.endpoint(document.required(cluster, "server", "cluster"), file.toString());
    var tls = Target.isTls(endpoint) ? tls(document, cluster, user) : null;
    return new Kubeconfig(
        new Target(TARGET_NAME, endpoint, tls, authorization(document, user)), document.files());
  }

  private static JsonNode named(Document document, String list, String name) throws AgentProblem {
    for (var entry : document.root().path(list)) {
      if (entry.path("name").asText().equals(name)) {
        return entry;
      }
    }
    throw document.problem("expected an entry '" + name + "' in " + list + ", found none");
  }

  private static SslContext tls(Document document, JsonNode cluster, JsonNode user)
      throws AgentProblem {
    var identity = identity(document, user);
    if (cluster.path("insecure-skip-tls-verify").asBoolean(false)) {
      return Tls.unverified(identity);
    }
    var ca = document.material(cluster, "certificate-authority-data", "certificate-authority");
    return ca == null
        ? Tls.system(identity)
        : Tls.pinned(identity, document.trust(ca, "certificate-authority"));
  }

  private static @Nullable Identity identity(Document document, JsonNode user) throws AgentProblem {
    var certificate = document.material(user, "client-certificate-data", "client-certificate");
    var key = document.material(user, "client-key-data", "client-key");
    if (certificate == null && key == null) {
      return null;
    }
    if (certificate == null || key == null) {
      throw document.problem(
          "expected client-certificate and client-key together, found one of them");
    }
    return document.identity(certificate, key, "client-certificate");
  }

  private static @Nullable String authorization(Document document, JsonNode user)
      throws AgentProblem {
    var tokenFile = document.optional(user, "tokenFile");
    var token = tokenFile != null
        ? document.referenced(tokenFile).strip()
        : document.optional(user, "token");
    if (token != null) {
      return "Bearer " + token;
    }
    var username = document.optional(user, "username");
    return username == null ? null : basic(username, document.required(user, "password", "user"));
  }

  static String basic(String username, String password) {
    return "Basic "
        + Base64.getEncoder().encodeToString((username + ":" + password).getBytes(UTF_8));
  }

  /// What the kubelet puts into a pod: token (rotated, so read again when it changes), CA and namespace.
  static Kubeconfig inCluster(Path folder, @Nullable String host, @Nullable String port)
      throws AgentProblem {
    if (host == null || port == null) {
      throw new AgentProblem(
          "expected to run in a cluster (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT), found"
              + " neither; set --kubeconfig (KUBECONFIG)");
    }
    var token = folder.resolve("token");
    var ca = folder.resolve("ca.crt");
    var endpoint =
        URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port);
    try {
      var tls = Tls.pinned(null, dev.buildplane.pki.TrustBundle.parse(Document.text(ca)));
      var target = new Target(
          TARGET_NAME, endpoint, tls, "Bearer " + Document.text(token).strip());
      return new Kubeconfig(target, Set.of(token, ca));
    } catch (dev.buildplane.pki.CertificateProblem e) {
      throw new AgentProblem(ca + ": " + e.getMessage(), e);
    }
  }
}
