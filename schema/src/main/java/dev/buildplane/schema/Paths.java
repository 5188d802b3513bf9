package dev.buildplane.schema;

/// Field paths as Kubernetes writes them: `spec.list[2].name`, map keys in brackets.
final class Paths {
  private Paths() {}

  static String child(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  static String key(String path, String key) {
    return path + "[" + key + "]";
  }

  static String index(String path, int index) {
    return path + "[" + index + "]";
  }

  static String join(String prefix, String path) {
    if (prefix.isEmpty() || path.isEmpty()) {
      return prefix + path;
    }
    return path.startsWith("[") ? prefix + path : prefix + "." + path;
  }
}
