package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/// A kubeconfig as a tree, so that fields this program does not know survive being read and written.
final class Kubeconfig {
  static final Kubeconfig EMPTY = new Kubeconfig(Resources.JSON.createObjectNode(), Path.of(""));

  /// Every string in quotes: a name of digits must stay a name.
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory()
      .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
      .disable(YAMLGenerator.Feature.SPLIT_LINES));

  private static final List<String> FILES_OF_A_USER = List.of("client-certificate", "client-key");

  private final ObjectNode root;
  private final Path folder;

  private Kubeconfig(ObjectNode root, Path folder) {
    this.root = root;
    this.folder = folder;
  }

  /// @throws CliProblem when there is no such file, or it is no kubeconfig
  static Kubeconfig read(Path file) {
    try {
      var tree = YAML.readTree(file.toFile());
      var absolute = file.toAbsolutePath().getParent();
      if (tree instanceof ObjectNode object && absolute != null) {
        return new Kubeconfig(object, absolute);
      }
      throw new CliProblem(
          "expected a kubeconfig in %s, found something else; name another file".formatted(file));
    } catch (IOException unreadable) {
      throw new CliProblem(
          "expected a kubeconfig in %s, found: %s; name another file"
              .formatted(file, unreadable.getMessage()),
          unreadable);
    }
  }

  boolean hasContext(String name) {
    return named("contexts", name).isPresent();
  }

  /// Whether there is a context of another name.
  boolean hasOtherContexts(String name) {
    return root.path("contexts")
        .valueStream()
        .anyMatch(context -> !context.path("name").asText().equals(name));
  }

  /// The user of a context, complete in itself: what it had in files stands in it.
  Optional<ObjectNode> user(String context) {
    return named("contexts", context)
        .flatMap(found -> named("users", found.at("/context/user").asText()))
        .map(found -> found.path("user"))
        .filter(JsonNode::isObject)
        .map(user -> complete(user.deepCopy()));
  }

  private ObjectNode complete(ObjectNode user) {
    for (var field : FILES_OF_A_USER) {
      var file = user.remove(field);
      if (file != null) {
        user.put(field + "-data", base64(content(folder.resolve(file.asText()))));
      }
    }
    var file = user.get("tokenFile");
    if (file != null) {
      user.put("tokenFile", folder.resolve(file.asText()).toString());
    }
    return user;
  }

  private static String content(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException unreadable) {
      throw new CliProblem(
          "expected the file %s that the kubeconfig names, found: %s"
              .formatted(file, unreadable.getMessage()),
          unreadable);
    }
  }

  /// This and one context more, whose cluster and user carry its name; what had that name before is replaced. The current
  /// context stays where there is one.
  Kubeconfig with(String name, String server, TrustBundle serverTrust, ObjectNode user) {
    var next = root.deepCopy();
    next.put("apiVersion", "v1").put("kind", "Config");
    put(next, "clusters", name)
        .putObject("cluster")
        .put("server", server)
        .put("certificate-authority-data", base64(serverTrust.pem()));
    put(next, "contexts", name)
        .putObject("context")
        .put("cluster", name)
        .put("user", name)
        .put("namespace", "default");
    put(next, "users", name).set("user", user);
    if (next.path("current-context").asText("").isEmpty()) {
      next.put("current-context", name);
    }
    return new Kubeconfig(next, folder);
  }

  /// This and everything in `other`, which wins.
  Kubeconfig merged(Kubeconfig other) {
    var next = root.deepCopy();
    for (var list : List.of("clusters", "contexts", "users")) {
      for (var entry : other.root.path(list)) {
        put(next, list, entry.path("name").asText()).setAll((ObjectNode) entry);
      }
    }
    for (var field : List.of("apiVersion", "kind", "current-context")) {
      if (next.path(field).asText("").isEmpty() && other.root.has(field)) {
        next.set(field, other.root.get(field));
      }
    }
    return new Kubeconfig(next, folder);
  }

  private static ObjectNode put(ObjectNode root, String list, String name) {
    var entries = root.withArrayProperty(list);
    for (var i = entries.size() - 1; i >= 0; i--) {
      if (entries.get(i).path("name").asText().equals(name)) {
        entries.remove(i);
      }
    }
    return entries.addObject().put("name", name);
  }

  private Optional<JsonNode> named(String list, String name) {
    return root.path(list)
        .valueStream()
        .filter(entry -> entry.path("name").asText().equals(name))
        .findFirst();
  }

  /// Secret: it holds keys.
  String text() {
    try {
      return YAML.writeValueAsString(root);
    } catch (IOException impossible) {
      throw new IllegalStateException("a tree has a textual form", impossible);
    }
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.US_ASCII));
  }
}
