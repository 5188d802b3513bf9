package dev.buildplane.agent;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.pki.Identity;
import io.netty.handler.ssl.SslContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Further targets:
/// ```yaml
/// targets:
///   - name: logs                        # DNS label; k8s is taken
///     url: https://loki.example:3100
///     ca: /etc/agent/loki-ca.pem        # default: the system's trust
///     auth:
///       type: bearer                    # none (default), bearer, basic, clientCertificate
///       tokenFile: /etc/agent/loki-token
///       # username, passwordFile | certificate, key
/// ```
/// Paths are relative to this file. Unknown keys are refused: a misspelt `auth` must not become `none`.
record TargetsFile(List<Target> targets, Set<Path> files) {
  static final int MAX_TARGETS = 64;

  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
  private static final Set<String> TARGET_KEYS = Set.of("name", "url", "ca", "auth");
  private static final Set<String> AUTH_KEYS =
      Set.of("type", "tokenFile", "username", "passwordFile", "certificate", "key");

  static TargetsFile read(Path file) throws AgentProblem {
    var document = new Document(file);
    onlyKeys(document, document.root(), Set.of("targets"), "the top");
    var targets = new ArrayList<Target>();
    var names = new HashSet<String>(Set.of(Kubeconfig.TARGET_NAME));
    for (var node : document.root().path("targets")) {
      var target = target(document, node);
      if (!names.add(target.name())) {
        throw document.problem(
            "expected each target name once and not 'k8s', found '" + target.name() + "' again");
      }
      targets.add(target);
    }
    if (targets.size() > MAX_TARGETS) {
      throw document.problem(
          "expected at most " + MAX_TARGETS + " targets, found " + targets.size());
    }
    return new TargetsFile(List.copyOf(targets), document.files());
  }

  private static Target target(Document document, JsonNode node) throws AgentProblem {
    onlyKeys(document, node, TARGET_KEYS, "a target");
    var name = document.required(node, "name", "targets[]");
    if (!LABEL.matcher(name).matches()) {
      throw document.problem("expected a target name that is a DNS label, found '" + name + "'");
    }
    var endpoint =
        Target.endpoint(document.required(node, "url", "target " + name), "target " + name);
    var auth = node.path("auth");
    onlyKeys(document, auth, AUTH_KEYS, "auth of target " + name);
    var type = document.optional(auth, "type");
    var where = "auth of target " + name;
    return switch (type == null ? "none" : type) {
      case "none" -> new Target(name, endpoint, tls(document, node, endpoint, null), null);
      case "bearer" -> {
        var token =
            document.referenced(document.required(auth, "tokenFile", where)).strip();
        yield new Target(name, endpoint, tls(document, node, endpoint, null), "Bearer " + token);
      }
      case "basic" -> {
        var password =
            document.referenced(document.required(auth, "passwordFile", where)).strip();
        var credential = Kubeconfig.basic(document.required(auth, "username", where), password);
        yield new Target(name, endpoint, tls(document, node, endpoint, null), credential);
      }
      case "clientCertificate" -> {
        var identity = document.identity(
            document.referenced(document.required(auth, "certificate", where)),
            document.referenced(document.required(auth, "key", where)),
            where);
        yield new Target(name, endpoint, tls(document, node, endpoint, identity), null);
      }
      default ->
        throw document.problem("expected type none, bearer, basic or clientCertificate in " + where
            + ", found '" + type + "'");
    };
  }

  private static @Nullable SslContext tls(
      Document document, JsonNode node, java.net.URI endpoint, @Nullable Identity identity)
      throws AgentProblem {
    if (!Target.isTls(endpoint)) {
      return null;
    }
    var ca = document.optional(node, "ca");
    return ca == null
        ? Tls.system(identity)
        : Tls.pinned(identity, document.trust(document.referenced(ca), "ca"));
  }

  private static void onlyKeys(Document document, JsonNode node, Set<String> known, String where)
      throws AgentProblem {
    for (var names = node.fieldNames(); names.hasNext(); ) {
      var name = names.next();
      if (!known.contains(name)) {
        throw document.problem(
            "expected only " + new TreeSet<>(known) + " in " + where + ", found '" + name + "'");
      }
    }
  }
}
