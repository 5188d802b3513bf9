package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A YAML file with readers that say where something is wrong. Notes each file it reads, so that changes to them can be watched.
final class Document {
  /// A configuration file larger than this is a mistake.
  static final long MAX_FILE_BYTES = 1 << 20;

  private static final YAMLMapper YAML = new YAMLMapper();

  private final Path path;
  private final JsonNode root;
  private final Set<Path> files = new HashSet<>();

  Document(Path path) throws AgentProblem {
    this.path = path;
    files.add(path);
    try {
      var parsed = YAML.readTree(text(path));
      root = parsed == null ? MissingNode.getInstance() : parsed;
    } catch (JsonProcessingException e) {
      throw new AgentProblem(
          path + ": expected YAML, found something else: " + e.getOriginalMessage(), e);
    }
    if (!root.isObject()) {
      throw new AgentProblem(
          path + ": expected a YAML object at the top, found " + root.getNodeType());
    }
  }

  JsonNode root() {
    return root;
  }

  /// Every file read so far, this one included.
  Set<Path> files() {
    return Set.copyOf(files);
  }

  static String text(Path file) throws AgentProblem {
    try {
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw new AgentProblem(
            file + ": expected at most " + MAX_FILE_BYTES + " bytes, found more");
      }
      return Files.readString(file);
    } catch (IOException e) {
      throw new AgentProblem(
          file + ": cannot be read (" + e.getClass().getSimpleName() + "); check path and rights",
          e);
    }
  }

  String required(JsonNode node, String field, String where) throws AgentProblem {
    var value = optional(node, field);
    if (value == null) {
      throw new AgentProblem(path + ": expected " + where + "." + field + ", found none");
    }
    return value;
  }

  @Nullable
  String optional(JsonNode node, String field) {
    var value = node.path(field);
    return value.isValueNode() && !value.isNull() && !value.asText().isEmpty()
        ? value.asText()
        : null;
  }

  /// The text of `<field>-data` (base64) or of the file named by `<field>`, relative to this file.
  @Nullable
  String material(JsonNode node, String dataField, String fileField) throws AgentProblem {
    var data = optional(node, dataField);
    if (data != null) {
      try {
        return new String(Base64.getMimeDecoder().decode(data), UTF_8);
      } catch (IllegalArgumentException e) {
        throw new AgentProblem(path + ": expected base64 in " + dataField, e);
      }
    }
    var file = optional(node, fileField);
    return file == null ? null : referenced(file);
  }

  String referenced(String file) throws AgentProblem {
    var absolute = path.toAbsolutePath().resolveSibling(file);
    files.add(absolute);
    return text(absolute);
  }

  TrustBundle trust(String pem, String where) throws AgentProblem {
    try {
      return TrustBundle.parse(pem);
    } catch (CertificateProblem e) {
      throw new AgentProblem(path + ": " + where + ": " + e.getMessage(), e);
    }
  }

  Identity identity(String certificate, String key, String where) throws AgentProblem {
    try {
      return Identity.parse(certificate, key);
    } catch (CertificateProblem e) {
      throw new AgentProblem(path + ": " + where + ": " + e.getMessage(), e);
    }
  }

  AgentProblem problem(String text) {
    return new AgentProblem(path + ": " + text);
  }
}
