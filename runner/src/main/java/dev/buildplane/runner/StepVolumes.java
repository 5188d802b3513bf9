package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.runner.Action.StepOrder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Turns volumes into directories on the host.
record StepVolumes(
    RunnerSettings settings, Lookup lookup, String namespace, Path workflowDirectory) {

  List<FileView.Mount> mounts(StepOrder order, JsonNode container, StepDirectory step)
      throws IOException, StepProblem {
    var mounts = new ArrayList<FileView.Mount>();
    for (var mount : container.path("volumeMounts")) {
      for (var field : mount.properties()) {
        if (!List.of("name", "mountPath", "readOnly", "subPath").contains(field.getKey())) {
          throw new StepProblem(
              "volumeMounts." + field.getKey() + " is not supported by this runner");
        }
      }
      var name = mount.path("name").asText();
      var source = source(name, order, step);
      var inside = mount.path("subPath").asText();
      mounts.add(new FileView.Mount(
          inside.isEmpty() ? source.path : below(source.path, inside),
          mount.path("mountPath").asText(),
          source.readOnly || mount.path("readOnly").asBoolean()));
    }
    return mounts;
  }

  private record Source(Path path, boolean readOnly) {}

  private static Path below(Path volume, String inside) throws IOException, StepProblem {
    var path = volume.resolve(inside).normalize();
    if (!path.startsWith(volume)) {
      throw new StepProblem(
          "volumeMounts.subPath: expected a path inside the volume, found \"" + inside + "\"");
    }
    if (!Files.exists(path)) {
      Files.createDirectories(path);
    }
    return path;
  }

  private Source source(String name, StepOrder order, StepDirectory step)
      throws IOException, StepProblem {
    if (order.claims().contains(name)) {
      return new Source(shared(workflowDirectory.resolve("volumes").resolve(safe(name))), false);
    }
    for (var volume : order.volumes()) {
      if (volume.path("name").asText().equals(name)) {
        return source(volume, step.file("volumes").resolve(safe(name)));
      }
    }
    throw new StepProblem(
        "volumeMounts: volume \"" + name + "\" is neither among the volumes nor the volume claims");
  }

  private Source source(JsonNode volume, Path directory) throws IOException, StepProblem {
    if (volume.has("secret")) {
      var secret = volume.get("secret");
      var name = secret.path("secretName").asText();
      return files(directory, secret, "Secret", name, lookup.secret(namespace, name));
    }
    if (volume.has("configMap")) {
      var map = volume.get("configMap");
      var name = map.path("name").asText();
      return files(directory, map, "ConfigMap", name, lookup.configMap(namespace, name));
    }
    if (volume.has("persistentVolumeClaim")) {
      var claim = volume.get("persistentVolumeClaim");
      var name = safe(claim.path("claimName").asText());
      var place =
          settings.workspaces().resolve("claims").resolve(Names.safe(namespace)).resolve(name);
      return new Source(shared(place), claim.path("readOnly").asBoolean());
    }
    if (volume.has("hostPath")) {
      return new Source(allowed(volume.get("hostPath").path("path").asText()), false);
    }
    return new Source(shared(directory), false); // emptyDir
  }

  private Path allowed(String hostPath) throws IOException, StepProblem {
    var path = Path.of(hostPath).normalize();
    var real = Files.exists(path) ? path.toRealPath() : path;
    if (!path.isAbsolute()
        || settings.hostPaths().stream()
            .noneMatch(allowed -> path.startsWith(allowed) && isBelow(real, allowed))) {
      throw new StepProblem(
          "hostPath volume " + hostPath + " is refused: the runner allows hostPath only below "
              + (settings.hostPaths().isEmpty()
                  ? "no directory at all"
                  : settings.hostPaths().toString()));
    }
    Files.createDirectories(path);
    return path;
  }

  private static boolean isBelow(Path real, Path allowed) {
    try {
      return real.startsWith(allowed)
          || (Files.exists(allowed) && real.startsWith(allowed.toRealPath()));
    } catch (IOException unreadable) {
      return false; // what cannot be looked at is not allowed
    }
  }

  private static Path shared(Path directory) throws IOException {
    return Files.createDirectories(directory);
  }

  private static Source files(
      Path directory, JsonNode volume, String kind, String name, Optional<Map<String, byte[]>> data)
      throws IOException, StepProblem {
    Files.createDirectories(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    if (data.isEmpty()) {
      if (volume.path("optional").asBoolean()) {
        return new Source(directory, true);
      }
      throw new StepProblem(kind + " \"" + name
          + "\" not found, but a volume needs it; create it or make the volume optional");
    }
    if (volume.path("items").isEmpty()) {
      for (var entry : data.get().entrySet()) {
        Files.write(
            directory
                .resolve(Names.safe(entry.getKey().replaceFirst("^[._-]", "x")))
                .resolveSibling(entry.getKey()),
            entry.getValue());
      }
      return new Source(directory, true);
    }
    for (var item : volume.path("items")) {
      var value = data.get().get(item.path("key").asText());
      if (value == null) {
        throw new StepProblem(
            kind + " \"" + name + "\" has no key \"" + item.path("key").asText() + "\"");
      }
      var file = directory.resolve(item.path("path").asText()).normalize();
      if (!file.startsWith(directory) || file.equals(directory)) {
        throw new StepProblem(
            kind + " \"" + name + "\": expected a path inside the volume, found \""
                + item.path("path").asText() + "\"");
      }
      Files.createDirectories(file.getParent());
      Files.write(file, value);
    }
    return new Source(directory, true);
  }

  private static String safe(String name) throws StepProblem {
    try {
      return Names.safe(name);
    } catch (IllegalArgumentException unsafe) {
      throw new StepProblem("volumes: " + unsafe.getMessage());
    }
  }
}
