package dev.buildplane.agent;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Every backend this agent may reach, by name; nothing else is reachable. Immutable: a reload makes a new one.
record Targets(Map<String, Target> byName, Set<Path> files) {
  static final Path SERVICE_ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  Targets {
    byName = Map.copyOf(byName);
    files = Set.copyOf(files);
  }

  static Targets load(AgentSettings settings) throws AgentProblem {
    var byName = new HashMap<String, Target>();
    var files = new HashSet<Path>();
    var k8s = settings.kubeconfig().isPresent()
        ? Kubeconfig.read(settings.kubeconfig().get())
        : Kubeconfig.inCluster(
            SERVICE_ACCOUNT,
            System.getenv("KUBERNETES_SERVICE_HOST"),
            System.getenv("KUBERNETES_SERVICE_PORT"));
    byName.put(k8s.target().name(), k8s.target());
    files.addAll(k8s.files());
    if (settings.targets().isPresent()) {
      var more = TargetsFile.read(settings.targets().get());
      more.targets().forEach(target -> byName.put(target.name(), target));
      files.addAll(more.files());
    }
    return new Targets(byName, files);
  }

  /// @param name the request's `Host`
  Optional<Target> find(String name) {
    return Optional.ofNullable(byName.get(name));
  }
}
