package dev.buildplane.gateway;

import dev.buildplane.model.Plane;
import io.fabric8.kubernetes.client.informers.cache.BasicItemStore;
import io.fabric8.kubernetes.client.informers.cache.Cache;
import java.util.List;

/// A cache of planes without what the gateway never reads, their status and managed fields: about 25 KiB of small maps and
/// strings per plane once its status has been written.
final class LeanPlanes<T extends Plane> extends BasicItemStore<T> {
  LeanPlanes() {
    super(Cache::metaNamespaceKeyFunc);
  }

  @Override
  public T put(String key, T plane) {
    plane.getMetadata().setManagedFields(List.of());
    plane.setStatus(null);
    return super.put(key, plane);
  }
}
