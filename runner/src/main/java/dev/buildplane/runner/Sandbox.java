package dev.buildplane.runner;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What this machine lets steps have: namespaces of their own, or only a session. Found out once, by trying.
///
/// @param scripts where the launcher scripts lie
/// @param isolated whether steps get mount and process namespaces
/// @param session whether steps get a session (and so a process group) of their own
/// @param tools absolute paths of the programs the scripts call
record Sandbox(Path scripts, boolean isolated, boolean session, Map<String, String> tools) {
  private static final Logger LOG = LoggerFactory.getLogger(Sandbox.class);
  private static final List<String> SCRIPTS =
      List.of("launch.sh", "enter.sh", "mount.sh", "run.sh");
  private static final List<String> NEEDED = List.of("sh", "mkdir", "mv", "cat", "head");
  private static final List<String> FOR_SESSION = List.of("setsid");
  private static final List<String> FOR_ISOLATION =
      List.of("unshare", "mount", "umount", "pivot_root", "chroot", "ln", "readlink", "rmdir");
  private static final List<String> PLACES =
      List.of("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin");
  private static final String UNSHARE_FLAGS =
      "--mount --pid --fork --kill-child=KILL --propagation private";
  private static final long PROBE_TIMEOUT_SECONDS = 20;

  Sandbox {
    tools = Map.copyOf(tools);
  }

  /// Installs the scripts below `directory` and tries what works.
  static Sandbox probe(Path directory, RunnerSettings.Isolation wanted) throws IOException {
    var scripts = Files.createDirectories(directory.resolve("scripts"));
    for (var name : SCRIPTS) {
      try (var script = Sandbox.class.getResourceAsStream("scripts/" + name)) {
        if (script == null) {
          throw new IOException("the class path lacks dev/buildplane/runner/scripts/" + name);
        }
        Trees.writeAtOnce(
            scripts.resolve(name), new String(script.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    var tools = new LinkedHashMap<String, String>();
    for (var tool : NEEDED) {
      tools.put(
          tool,
          find(tool)
              .orElseThrow(
                  () -> new IOException("expected the program " + tool + " in " + PLACES)));
    }
    Stream.concat(FOR_SESSION.stream(), FOR_ISOLATION.stream())
        .forEach(tool -> find(tool).ifPresent(at -> tools.put(tool, at)));
    var session = tools.containsKey("setsid");
    var flags = wanted == RunnerSettings.Isolation.AUTO
            && session
            && tools.keySet().containsAll(FOR_ISOLATION)
        ? workingFlags(directory, scripts, tools)
        : Optional.<String>empty();
    Trees.writeAtOnce(scripts.resolve("tools.sh"), toolsFile(tools, flags.orElse("")));
    if (flags.isEmpty()) {
      LOG.warn(
          "steps run without namespaces of their own ({}); mount paths and /tmp are rewritten to real directories",
          wanted == RunnerSettings.Isolation.NONE
              ? "switched off"
              : "this machine does not allow them");
    }
    return new Sandbox(scripts, flags.isPresent(), session, tools);
  }

  String tool(String name) {
    return tools.getOrDefault(name, name);
  }

  private static Optional<String> find(String tool) {
    return PLACES.stream()
        .map(place -> Path.of(place, tool))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }

  private static String toolsFile(Map<String, String> tools, String flags) {
    var text = new StringBuilder();
    tools.forEach(
        (name, at) -> text.append("bp_").append(name).append('=').append(at).append('\n'));
    return text.append("bp_unshare_flags='").append(flags).append("'\n").toString();
  }

  /// Tries a whole step with each set of flags: nothing less tells whether mounting and pivoting are allowed.
  private static Optional<String> workingFlags(
      Path directory, Path scripts, Map<String, String> tools) {
    for (var flags : List.of(UNSHARE_FLAGS, "--map-root-user " + UNSHARE_FLAGS)) {
      var trial = directory.resolve("probe");
      try {
        Trees.delete(trial);
        for (var part : List.of("root", "tmp", "vartmp", "hold/outputs")) {
          Files.createDirectories(trial.resolve(part));
        }
        Trees.writeAtOnce(scripts.resolve("tools.sh"), toolsFile(tools, flags));
        Files.copy(scripts.resolve("tools.sh"), trial.resolve("hold/tools.sh"));
        Files.copy(scripts.resolve("run.sh"), trial.resolve("hold/run.sh"));
        Files.writeString(trial.resolve("hold/collect"), "");
        Files.writeString(trial.resolve("mounts"), "");
        if (succeeds(trial, scripts, tools)) {
          return Optional.of(flags);
        }
        LOG.debug(
            "namespaces with {} do not work: {}",
            flags,
            Trees.read(trial.resolve("setup.log")).orElse(""));
      } catch (IOException failed) {
        throw new UncheckedIOException("cannot try namespaces below " + trial, failed);
      } finally {
        deleteQuietly(trial);
      }
    }
    return Optional.empty();
  }

  private static void deleteQuietly(Path trial) {
    try {
      Trees.delete(trial);
    } catch (IOException left) {
      LOG.debug("left {} behind: {}", trial, left.toString());
    }
  }

  private static boolean succeeds(Path trial, Path scripts, Map<String, String> tools)
      throws IOException {
    var shell = tools.getOrDefault("sh", "/bin/sh");
    var process = new ProcessBuilder(
            shell,
            scripts.resolve("launch.sh").toString(),
            scripts.toString(),
            trial.toString(),
            "isolated",
            "/",
            shell,
            "-c",
            "exit 0")
        .redirectErrorStream(true)
        .redirectOutput(trial.resolve("out").toFile())
        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
        .start();
    try {
      if (!process.waitFor(PROBE_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return false;
      }
    } catch (InterruptedException stop) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      return false;
    }
    return Trees.read(trial.resolve("exit"))
        .map(String::strip)
        .filter("0"::equals)
        .isPresent();
  }
}
