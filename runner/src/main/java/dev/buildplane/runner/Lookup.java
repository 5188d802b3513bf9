package dev.buildplane.runner;

import java.util.Map;
import java.util.Optional;

/// Reads what steps refer to: Secrets and ConfigMaps.
interface Lookup {
  /// The data of a Secret, decoded; empty when there is none of that name.
  Optional<Map<String, byte[]>> secret(String namespace, String name);

  /// The data of a ConfigMap.
  Optional<Map<String, byte[]>> configMap(String namespace, String name);
}
