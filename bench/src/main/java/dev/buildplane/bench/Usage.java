package dev.buildplane.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// What processes have used, as the kernel counts it.
///
/// @param name as printed in tables
/// @param root the process
/// @param children whether those that it started count with it
record Usage(String name, ProcessHandle root, boolean children) {
  /// A process with its children.
  Usage(String name, ProcessHandle root) {
    this(name, root, true);
  }

  /// USER_HZ: what `/proc/PID/stat` counts in. 100 on every Linux this runs on.
  private static final double TICKS_PER_SECOND = 100;

  /// Fields of `/proc/PID/stat` after the command's closing parenthesis: utime and stime are numbers 14 and 15 of proc(5).
  private static final int UTIME_AFTER_NAME = 11;

  /// User and system time of all of them so far, in seconds.
  double cpuSeconds() throws IOException {
    var ticks = 0L;
    for (var process : all()) {
      ticks += ticks(Files.readString(Path.of("/proc/" + process.pid() + "/stat")));
    }
    return ticks / TICKS_PER_SECOND;
  }

  /// The part of it that the JVMs' compilers took, in seconds: threads named `C1 ...` and `C2 ...`. Compiler threads that have
  /// ended are not in it.
  double compilerSeconds() throws IOException {
    var ticks = 0L;
    for (var process : all()) {
      try (var threads = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
        for (var thread : threads.toList()) {
          var stat = compilerStat(thread);
          if (!stat.isEmpty()) {
            ticks += ticks(stat);
          }
        }
      }
    }
    return ticks / TICKS_PER_SECOND;
  }

  private static String compilerStat(Path thread) throws IOException {
    try {
      var stat = Files.readString(thread.resolve("stat"));
      return stat.contains("(C1 ") || stat.contains("(C2 ") ? stat : "";
    } catch (NoSuchFileException ended) {
      return "";
    }
  }

  private static long ticks(String stat) {
    var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return Long.parseLong(fields[UTIME_AFTER_NAME]) + Long.parseLong(fields[UTIME_AFTER_NAME + 1]);
  }

  double residentMebibytes() throws IOException {
    var sum = 0.0;
    for (var process : all()) {
      sum += MemoryBench.rssMebibytes(process.pid());
    }
    return sum;
  }

  private List<ProcessHandle> all() {
    return children ? Stream.concat(Stream.of(root), root.descendants()).toList() : List.of(root);
  }

  /// Seconds of processor time by name.
  static Map<String, Double> cpu(List<Usage> processes) throws IOException {
    var seconds = new LinkedHashMap<String, Double>();
    for (var process : processes) {
      seconds.put(process.name(), process.cpuSeconds());
    }
    return seconds;
  }
}
