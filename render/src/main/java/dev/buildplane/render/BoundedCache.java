package dev.buildplane.render;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A map that drops its least recently used entry when full. Safe for concurrent use.
final class BoundedCache<K, V> {
  private final ReentrantLock lock = new ReentrantLock();
  private final LinkedHashMap<K, V> entries; // guarded by lock

  /// @param capacity entries kept, at least 1
  BoundedCache(int capacity) {
    entries = new LinkedHashMap<>(16, 0.75f, true) {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > capacity;
      }
    };
  }

  @Nullable
  V get(K key) {
    lock.lock();
    try {
      return entries.get(key);
    } finally {
      lock.unlock();
    }
  }

  void put(K key, V value) {
    lock.lock();
    try {
      entries.put(key, value);
    } finally {
      lock.unlock();
    }
  }
}
