package dev.buildplane.bench;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/// How often each write has arrived at the target. Any thread.
final class WriteLedger implements Witness {
  private final Map<String, Integer> arrivals = new ConcurrentHashMap<>();

  @Override
  public void arrived(String id) {
    arrivals.merge(id, 1, Integer::sum);
  }

  @Override
  public void gone(String id) {
    // A write is done once it has arrived; whether the caller hears of it is the caller's account.
  }

  /// Those that have not arrived.
  Set<String> missing(Collection<String> acknowledged) {
    return acknowledged.stream()
        .filter(id -> !arrivals.containsKey(id))
        .collect(Collectors.toSet());
  }

  /// Those that have arrived more than once.
  Set<String> repeated() {
    return arrivals.entrySet().stream()
        .filter(one -> one.getValue() > 1)
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }
}
