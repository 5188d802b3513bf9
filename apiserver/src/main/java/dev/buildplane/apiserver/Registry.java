package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.SchemaProblem;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Every resource served right now: the built-in ones and those of CustomResourceDefinitions.
/// Thread-safe; a definition is served as soon as [#define] has returned.
///
/// Whoever serves something for longer than a moment is told by [#whenGone] what is not served any more.
final class Registry {
  private static final Logger LOG = LoggerFactory.getLogger(Registry.class);

  private record Key(String group, String version, String plural) {}

  private final List<ResourceType> builtIn;
  // Guarded by `this`; by name of the definition.
  private final Map<String, List<ResourceType>> custom = new TreeMap<>();
  private final Map<String, ResourceType> storage = new TreeMap<>();
  private final List<Consumer<ResourceType>> whenGone = new CopyOnWriteArrayList<>();
  private volatile Map<Key, ResourceType> all = Map.of();
  private volatile Collection<ResourceType> stored = List.of();

  Registry(List<ResourceType> builtIn) {
    this.builtIn = List.copyOf(builtIn);
    publish();
  }

  Optional<ResourceType> find(String group, String version, String plural) {
    return Optional.ofNullable(all.get(new Key(group, version, plural)));
  }

  /// The built-in resource of that name.
  ResourceType builtIn(String group, String plural) {
    return builtIn.stream()
        .filter(type -> type.group().equals(group) && type.plural().equals(plural))
        .findFirst()
        .orElseThrow();
  }

  /// In the order of discovery: built-in ones first.
  Collection<ResourceType> all() {
    return all.values();
  }

  /// One version of every stored resource, served or not, for walks over all objects.
  Collection<ResourceType> stored() {
    return stored;
  }

  /// A version of the resource that keys with this beginning belong to.
  Optional<ResourceType> storedAt(String key) {
    return stored.stream().filter(type -> key.startsWith(type.prefix())).findFirst();
  }

  /// @param listener called, on the thread that changed the definition, with each resource that has gone
  void whenGone(Consumer<ResourceType> listener) {
    whenGone.add(listener);
  }

  synchronized void define(ObjectNode definition) {
    try {
      var served = CustomTypes.of(definition);
      storage.put(Meta.name(definition), CustomTypes.storage(definition));
      custom.put(Meta.name(definition), served);
      publish();
    } catch (SchemaProblem e) {
      LOG.error(
          "custom resource definition {} is not served: its stored schema is refused",
          Meta.name(definition),
          e);
    }
  }

  synchronized void undefine(String name) {
    storage.remove(name);
    if (custom.remove(name) != null) {
      publish();
    }
  }

  private synchronized void publish() {
    var types = new LinkedHashMap<Key, ResourceType>();
    var every = new ArrayList<>(builtIn);
    custom.values().forEach(every::addAll);
    for (var type : every) {
      types.putIfAbsent(new Key(type.group(), type.version(), type.plural()), type);
    }
    var before = all;
    all = types;
    before.forEach((key, type) -> {
      if (!types.containsKey(key)) {
        whenGone.forEach(listener -> listener.accept(type));
      }
    });

    var byStorage = new LinkedHashMap<String, ResourceType>();
    builtIn.forEach(type -> byStorage.putIfAbsent(type.stored(), type));
    storage.values().forEach(type -> byStorage.putIfAbsent(type.stored(), type));
    stored = List.copyOf(byStorage.values());
  }
}
