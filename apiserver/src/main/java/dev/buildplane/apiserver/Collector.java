package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.store.Change;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreProblem;
import dev.buildplane.store.Watch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Cleans up after deletions, in the background: dependents of owners that are gone, contents of
/// namespaces and of resource definitions being deleted, and the two deletion finalizers.
///
/// Reads the one log of all changes in order, so what it knows of owners is never from the future or
/// the past. One thread.
final class Collector implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Collector.class);
  private static final Duration IDLE = Duration.ofMinutes(1);
  /// How soon what failed is tried again.
  private static final Duration RETRY = Duration.ofSeconds(1);
  private static final long CLOSE_SECONDS = 10;
  private static final String DEFAULT_ACCOUNT = "default";

  private final ObjectStore store;
  private final Registry registry;
  private final Objects objects;
  private final Writes writes;
  private final Deletions deletions;
  private final Thread thread;
  private volatile boolean closed;

  // Of the thread.
  private final Graph graph = new Graph();
  private final Map<String, Task> tasks = new LinkedHashMap<>();

  @FunctionalInterface
  private interface Task {
    /// @return whether nothing is left to do until something changes
    boolean run();
  }

  Collector(
      ObjectStore store,
      Registry registry,
      Objects objects,
      Writes writes,
      Deletions deletions,
      String name) {
    this.store = store;
    this.registry = registry;
    this.objects = objects;
    this.writes = writes;
    this.deletions = deletions;
    this.thread = Thread.ofVirtual().name(name + "-collector").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  private void run() {
    while (!closed) {
      try (var watch = store.watch("/", readAll())) {
        follow(watch);
      } catch (StoreProblem.RevisionCompacted e) {
        LOG.warn("fell behind the kept history; reading everything again: {}", e.getMessage());
      } catch (StoreProblem.Unavailable e) {
        if (!closed) {
          LOG.error("the garbage collector ends, as the store does", e);
        }
        return;
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /// @return the revision up to which everything is known
  private long readAll() {
    var revision = store.revision();
    graph.clear();
    for (var type : registry.stored()) {
      for (var object : objects.all(type, "")) {
        graph.put(type, object);
        consider(type, object);
      }
    }
    return revision;
  }

  private void follow(Watch watch) throws InterruptedException {
    while (!closed) {
      runTasks();
      for (var change : watch.poll(tasks.isEmpty() ? IDLE : RETRY)) {
        registry.storedAt(change.key()).ifPresent(type -> learn(type, change));
      }
    }
  }

  private void learn(ResourceType type, Change change) {
    var object = Codec.decode(type, change.value(), change.revision());
    var uid = Meta.uid(object);
    if (change.kind() != Change.Kind.DELETED) {
      var before = graph.node(uid);
      graph.put(type, object);
      consider(type, object);
      before.ifPresent(this::considerWaitingOwners);
      return;
    }
    var dependents = graph.dependentsOf(uid);
    graph.remove(uid);
    dependents.forEach(node -> tasks.put("owners of " + node.uid(), () -> collect(node.uid())));
    for (var owner : object.path("metadata").path("ownerReferences")) {
      graph.node(Json.text(owner, "uid")).ifPresent(this::considerAgain);
    }
    if (type.namespaced()) {
      objects
          .find(registry.builtIn("", "namespaces"), "", Meta.namespace(object))
          .ifPresent(namespace -> consider(registry.builtIn("", "namespaces"), namespace));
    }
    if (type.custom()) {
      var definitions = registry.builtIn("apiextensions.k8s.io", "customresourcedefinitions");
      objects
          .find(definitions, "", type.qualified())
          .ifPresent(definition -> consider(definitions, definition));
    }
  }

  /// An object that no longer names an owner no longer holds up the owner's deletion.
  private void considerWaitingOwners(Graph.Node before) {
    for (var owner : before.owners()) {
      graph.node(owner).filter(Graph.Node::waiting).ifPresent(this::considerAgain);
    }
  }

  private void considerAgain(Graph.Node node) {
    objects
        .find(node.type(), node.namespace(), node.name())
        .ifPresent(object -> consider(node.type(), object));
  }

  private void consider(ResourceType type, ObjectNode object) {
    var uid = Meta.uid(object);
    if (!object.path("metadata").path("ownerReferences").isEmpty()) {
      tasks.put("owners of " + uid, () -> collect(uid));
    }
    if (!Meta.deleting(object)) {
      if (type.kind().equals("Namespace")) {
        tasks.put("account of " + uid, () -> createAccount(Meta.name(object)));
      }
      return;
    }
    var finalizers = Meta.finalizers(object);
    if (finalizers.contains(Deletions.ORPHAN)) {
      tasks.put("orphans of " + uid, () -> orphan(uid));
    }
    if (finalizers.contains(Deletions.FOREGROUND)) {
      tasks.put("foreground of " + uid, () -> foreground(uid));
    }
    if (type.kind().equals("Namespace") && type.group().isEmpty()) {
      tasks.put("namespace " + Meta.name(object), () -> emptyNamespace(type, Meta.name(object)));
    }
    if (finalizers.contains(DefinitionRules.FINALIZER)) {
      tasks.put("definition " + Meta.name(object), () -> emptyDefinition(type, object));
    }
  }

  /// Every namespace has the account that its pods run as.
  private boolean createAccount(String namespace) {
    var accounts = registry.builtIn("", "serviceaccounts");
    if (objects.find(accounts, namespace, DEFAULT_ACCOUNT).isEmpty()) {
      var account = Json.object().put("apiVersion", "v1").put("kind", "ServiceAccount");
      account.putObject("metadata").put("name", DEFAULT_ACCOUNT);
      try {
        writes.create(accounts, namespace, account, WriteOptions.internal());
      } catch (ApiProblem e) {
        LOG.debug(
            "no default account in {}: {}", namespace, e.getMessage()); // made by another, or going
      }
    }
    return true;
  }

  private void runTasks() {
    for (var entry : List.copyOf(tasks.entrySet())) {
      try {
        if (entry.getValue().run()) {
          tasks.remove(entry.getKey(), entry.getValue());
        }
      } catch (ApiProblem e) {
        if (e.code() == 404) {
          tasks.remove(entry.getKey(), entry.getValue());
        } else {
          LOG.warn("{}: {}; tried again", entry.getKey(), e.getMessage());
        }
      } catch (StoreProblem.Unavailable e) {
        throw e;
      } catch (RuntimeException e) {
        LOG.error("{}: failed; tried again", entry.getKey(), e);
      }
    }
  }

  /// Deletes an object all of whose owners are gone; drops the references to those that are.
  private boolean collect(String uid) {
    var node = graph.node(uid);
    if (node.isEmpty() || node.get().owners().isEmpty()) {
      return true;
    }
    var owners = node.get().owners();
    var gone = owners.stream().filter(owner -> !graph.exists(owner)).toList();
    if (gone.isEmpty()) {
      return true;
    }
    if (gone.size() == owners.size()) {
      delete(node.get(), "");
    } else {
      dropOwners(node.get(), gone);
    }
    return true;
  }

  /// @param propagation empty: as the finalizers of the object say
  private void delete(Graph.Node node, String propagation) {
    var object = objects.find(node.type(), node.namespace(), node.name());
    if (object.isPresent() && !Meta.deleting(object.get())) {
      var request = new Deletions.Request(node.uid(), "", propagation, OptionalInt.empty(), false);
      deletions.delete(node.type(), node.namespace(), node.name(), request);
    }
  }

  private void dropOwners(Graph.Node node, List<String> owners) {
    var place = new Writes.Place(node.type(), node.namespace(), node.name(), "");
    writes.change(place, WriteOptions.internal(), object -> {
      var kept = Json.array();
      for (var owner : object.path("metadata").path("ownerReferences")) {
        if (!owners.contains(Json.text(owner, "uid"))) {
          kept.add(owner);
        }
      }
      Meta.setOrRemove(
          Meta.of(object), "ownerReferences", kept.isEmpty() ? Json.object().path("none") : kept);
      return object;
    });
  }

  private boolean orphan(String uid) {
    graph.dependentsOf(uid).forEach(node -> dropOwners(node, List.of(uid)));
    dropFinalizer(uid, Deletions.ORPHAN);
    return true;
  }

  private boolean foreground(String uid) {
    var dependents = graph.dependentsOf(uid);
    for (var node : dependents) {
      if (node.owners().stream().anyMatch(graph::keeps)) {
        dropOwners(
            node, node.owners().stream().filter(owner -> !graph.keeps(owner)).toList());
      } else {
        delete(node, dependentsFirst(node) ? "Foreground" : "");
      }
    }
    if (dependents.stream().noneMatch(node -> node.blocked().contains(uid))) {
      dropFinalizer(uid, Deletions.FOREGROUND);
    }
    return true; // the last dependent that goes or lets go brings us back
  }

  /// Not in a circle of owners, where all would wait for each other.
  private boolean dependentsFirst(Graph.Node node) {
    var dependents = graph.dependentsOf(node.uid());
    return !dependents.isEmpty() && dependents.stream().noneMatch(Graph.Node::waiting);
  }

  private void dropFinalizer(String uid, String finalizer) {
    graph.node(uid).ifPresent(node -> {
      var place = new Writes.Place(node.type(), node.namespace(), node.name(), "");
      dropFinalizer(place, finalizer);
    });
  }

  private void dropFinalizer(Writes.Place place, String finalizer) {
    writes.change(place, WriteOptions.internal(), object -> {
      var left = new ArrayList<>(Meta.finalizers(object));
      left.remove(finalizer);
      Meta.setFinalizers(object, left);
      return object;
    });
  }

  private boolean emptyNamespace(ResourceType namespaces, String name) {
    var left = 0;
    for (var type : registry.stored()) {
      if (type.namespaced() && type.verbs().contains("delete")) {
        left += deleteAll(type, name);
      }
    }
    if (left == 0) {
      writes.change(
          new Writes.Place(namespaces, "", name, "finalize"), WriteOptions.internal(), object -> {
            Json.child(object, "spec").remove("finalizers");
            return object;
          });
    }
    return true; // the deletion of the last object brings us back
  }

  private boolean emptyDefinition(ResourceType definitions, ObjectNode definition) {
    var group = Json.text(definition, "spec", "group");
    var plural = Json.text(definition, "spec", "names", "plural");
    var left = 0;
    for (var type : registry.stored()) {
      if (type.group().equals(group) && type.plural().equals(plural)) {
        left += deleteAll(type, "");
      }
    }
    if (left == 0) {
      dropFinalizer(
          new Writes.Place(definitions, "", Meta.name(definition), ""), DefinitionRules.FINALIZER);
    }
    return true; // the deletion of the last object brings us back
  }

  /// @return how many objects are still there, waiting for finalizers
  private int deleteAll(ResourceType type, String namespace) {
    var left = 0;
    for (var object : objects.all(type, namespace)) {
      try {
        left += deletions
                .delete(
                    type, Meta.namespace(object), Meta.name(object), Deletions.Request.BACKGROUND)
                .gone()
            ? 0
            : 1;
      } catch (ApiProblem e) {
        if (e.code() != 404) {
          throw e;
        }
      }
    }
    return left;
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
