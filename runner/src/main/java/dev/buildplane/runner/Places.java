package dev.buildplane.runner;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Supplier;

/// The `parallelism` of one template: how many of its children may be under way. Confined to one pass.
final class Places {
  private final Pass pass;
  private final int limit;
  private int active;

  Places(Pass pass, int limit) {
    this.pass = pass;
    this.limit = limit;
  }

  ObjectNode run(String nodeName, Supplier<ObjectNode> step) {
    var isNew = pass.nodes.find(nodeName).isEmpty();
    if (isNew && active >= limit) {
      return Nodes.notYet();
    }
    var node = step.get();
    active += Nodes.isDone(node) ? 0 : 1;
    return node;
  }
}
