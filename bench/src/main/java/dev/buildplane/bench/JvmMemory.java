package dev.buildplane.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// What lives on the heap of another JVM.
final class JvmMemory {
  private JvmMemory() {}

  /// Bytes of all objects that are reachable, after a full collection.
  static long liveBytes(long pid) throws IOException, InterruptedException {
    var jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    var process = new ProcessBuilder(List.of(jcmd, Long.toString(pid), "GC.class_histogram"))
        .redirectErrorStream(true)
        .start();
    var text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    for (var line : text.lines().toList()) {
      var words = line.strip().split("\\s+");
      if (words.length == 3 && words[0].equals("Total")) {
        return Long.parseLong(words[2]);
      }
    }
    throw new IOException("expected a class histogram of process " + pid + ", found " + text);
  }
}
