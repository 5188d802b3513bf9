package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.Set;

/// The node tree of a workflow's status, in Argo's shape. Mutable, confined to one pass of the engine.
final class Nodes {
  static final String PENDING = "Pending";
  static final String RUNNING = "Running";
  static final String SUCCEEDED = "Succeeded";
  static final String SKIPPED = "Skipped";
  static final String OMITTED = "Omitted";
  static final String FAILED = "Failed";
  static final String ERROR = "Error";

  private static final Set<String> DONE = Set.of(SUCCEEDED, SKIPPED, OMITTED, FAILED, ERROR);

  private final String workflow;
  private final ObjectNode tree;
  private final Instant now;

  /// @param tree `status.nodes` of the last pass; changed in place
  Nodes(String workflow, ObjectNode tree, Instant now) {
    this.workflow = workflow;
    this.tree = tree;
    this.now = now;
  }

  ObjectNode tree() {
    return tree;
  }

  /// The id Argo gives a node: the workflow's name for the root, otherwise with the FNV-1a hash of the node's name.
  static String id(String workflow, String nodeName) {
    return nodeName.equals(workflow) ? workflow : workflow + "-" + fnv1a(nodeName);
  }

  String id(String nodeName) {
    return id(workflow, nodeName);
  }

  /// FNV-1a, 32 bits, as an unsigned decimal number.
  static String fnv1a(String text) {
    int hash = 0x811c9dc5;
    for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (octet & 0xff)) * 0x01000193;
    }
    return Integer.toUnsignedString(hash);
  }

  Optional<ObjectNode> find(String nodeName) {
    return tree.get(id(nodeName)) instanceof ObjectNode node ? Optional.of(node) : Optional.empty();
  }

  /// The node of that name, made (Running, started now) when it is not there.
  ObjectNode open(String nodeName, String displayName, String type, String boundaryId) {
    var known = find(nodeName);
    if (known.isPresent()) {
      return known.get();
    }
    var node = JsonNodeFactory.instance.objectNode();
    node.put("id", id(nodeName))
        .put("name", nodeName)
        .put("displayName", displayName)
        .put("type", type);
    node.put("phase", RUNNING).put("startedAt", time(now));
    node.putNull("finishedAt");
    if (!boundaryId.isEmpty()) {
      node.put("boundaryID", boundaryId);
    }
    tree.set(id(nodeName), node);
    return node;
  }

  /// A node that is not part of the tree: something that may not start yet.
  static ObjectNode notYet() {
    return JsonNodeFactory.instance.objectNode().put("phase", PENDING);
  }

  ObjectNode finish(ObjectNode node, String phase, String message) {
    return finish(node, phase, message, now);
  }

  ObjectNode finish(ObjectNode node, String phase, String message, Instant at) {
    node.put("phase", phase).put("finishedAt", time(at));
    if (message.isEmpty()) {
      node.remove("message");
    } else {
      node.put("message", message);
    }
    return node;
  }

  static void addChild(ObjectNode parent, JsonNode child) {
    var id = child.path("id");
    if (id.isMissingNode()) {
      return;
    }
    var children =
        parent.get("children") instanceof ArrayNode array ? array : parent.putArray("children");
    for (var known : children) {
      if (known.equals(id)) {
        return;
      }
    }
    children.add(id);
  }

  static String phase(JsonNode node) {
    return node.path("phase").asText();
  }

  static boolean isDone(JsonNode node) {
    return DONE.contains(phase(node));
  }

  static boolean isBad(JsonNode node) {
    return Set.of(FAILED, ERROR).contains(phase(node));
  }

  static boolean isPod(JsonNode node) {
    return "Pod".equals(node.path("type").asText());
  }

  /// RFC 3339 with seconds, as Kubernetes writes times.
  static String time(Instant at) {
    return at.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /// `done/known` over the Pod nodes.
  String progress() {
    int done = 0;
    int all = 0;
    for (var node : tree) {
      if (isPod(node)) {
        all++;
        done += isDone(node) ? 1 : 0;
      }
    }
    return done + "/" + all;
  }
}
