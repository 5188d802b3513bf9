package dev.buildplane.operator;

import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.util.function.Consumer;

/// An event handler that does not care what happened, only to which resource.
record AnyChange<T>(Consumer<T> listener) implements ResourceEventHandler<T> {
  @Override
  public void onAdd(T resource) {
    listener.accept(resource);
  }

  @Override
  public void onUpdate(T before, T after) {
    listener.accept(after);
  }

  @Override
  public void onDelete(T resource, boolean lastStateUnknown) {
    listener.accept(resource);
  }
}
