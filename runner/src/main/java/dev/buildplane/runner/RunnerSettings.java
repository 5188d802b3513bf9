package dev.buildplane.runner;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// How the runner runs steps.
///
/// @param workspaces directory of its own on the local disk; holds workspaces, logs and what is needed to find running steps again. Two runners
///     must not share it.
/// @param path `PATH` of every step, so that the tools of the host are found
/// @param environment variables every step gets, for example `JAVA_HOME`; a template's own `env` wins
/// @param maxParallelSteps bound on steps running at once over all workflows, at least 1
/// @param maxLogBytes bound on the log kept of one step, in bytes; what comes after it is dropped and a last line says so
/// @param stopGrace how long a step may take to end after a polite signal before it is killed
/// @param isolation whether steps get namespaces of their own
/// @param writable host directories that steps may write to at their own path; everything else of the host is read-only where isolation holds
/// @param readable host directories that steps may read at their own path even where it is private to them otherwise, as below `/tmp`
/// @param hidden host directories that steps see empty (for example the runner's own data), where isolation holds
/// @param hostPaths host directories below which `hostPath` volumes are allowed; empty refuses them all
/// @param clock for the times in status and logs
public record RunnerSettings(
    Path workspaces,
    String path,
    Map<String, String> environment,
    int maxParallelSteps,
    long maxLogBytes,
    Duration stopGrace,
    Isolation isolation,
    List<Path> writable,
    List<Path> readable,
    List<Path> hidden,
    Set<Path> hostPaths,
    Clock clock) {

  /// Default bound on steps running at once.
  public static final int DEFAULT_MAX_PARALLEL_STEPS = 8;

  /// Default bound on the log of one step, in bytes.
  public static final long DEFAULT_MAX_LOG_BYTES = 64L << 20;

  /// Default time between the polite signal and the kill.
  public static final Duration DEFAULT_STOP_GRACE = Duration.ofSeconds(5);

  /// Whether steps get namespaces of their own.
  public enum Isolation {
    /// Mount and process namespaces where the machine allows them (Linux), else as [#NONE].
    AUTO,
    /// Plain processes: mount paths and `/tmp` in commands, arguments, environment and output paths are rewritten to real directories.
    NONE
  }

  /// Checks bounds and copies collections.
  public RunnerSettings {
    workspaces = workspaces.toAbsolutePath().normalize();
    requireNonNull(path, "path");
    environment = Map.copyOf(environment);
    writable = List.copyOf(writable);
    readable = List.copyOf(readable);
    hidden = List.copyOf(hidden);
    hostPaths = Set.copyOf(hostPaths);
    requireNonNull(clock, "clock");
    if (maxParallelSteps < 1 || maxLogBytes < 1) {
      throw new IllegalArgumentException(
          "expected maxParallelSteps and maxLogBytes of at least 1, found " + maxParallelSteps
              + " and " + maxLogBytes);
    }
  }

  /// Sensible settings: the environment's `PATH`, isolation where possible, no host directory writable.
  public static RunnerSettings defaults(Path workspaces) {
    var path = System.getenv()
        .getOrDefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    return new RunnerSettings(
        workspaces,
        path,
        Map.of(),
        DEFAULT_MAX_PARALLEL_STEPS,
        DEFAULT_MAX_LOG_BYTES,
        DEFAULT_STOP_GRACE,
        Isolation.AUTO,
        List.of(),
        List.of(),
        List.of(),
        Set.of(),
        Clock.systemUTC());
  }

  /// The same with other variables for every step.
  public RunnerSettings withEnvironment(String newPath, Map<String, String> variables) {
    return new RunnerSettings(
        workspaces,
        newPath,
        variables,
        maxParallelSteps,
        maxLogBytes,
        stopGrace,
        isolation,
        writable,
        readable,
        hidden,
        hostPaths,
        clock);
  }

  /// The same with other views of the host.
  public RunnerSettings withHost(
      List<Path> newWritable,
      List<Path> newReadable,
      List<Path> newHidden,
      Set<Path> newHostPaths) {
    return new RunnerSettings(
        workspaces,
        path,
        environment,
        maxParallelSteps,
        maxLogBytes,
        stopGrace,
        isolation,
        newWritable,
        newReadable,
        newHidden,
        newHostPaths,
        clock);
  }

  /// The same with another kind of isolation.
  public RunnerSettings withIsolation(Isolation newIsolation) {
    return new RunnerSettings(
        workspaces,
        path,
        environment,
        maxParallelSteps,
        maxLogBytes,
        stopGrace,
        newIsolation,
        writable,
        readable,
        hidden,
        hostPaths,
        clock);
  }
}
