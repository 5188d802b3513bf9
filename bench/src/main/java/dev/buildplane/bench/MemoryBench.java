package dev.buildplane.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Resident memory of each process, as the kernel counts it.
final class MemoryBench {
  private MemoryBench() {}

  static void print(Stand stand, PrintStream out) throws IOException {
    out.println("\n## Resident memory\n");
    out.println("After the measurements above, if any.\n");
    out.println("| process | RSS, MiB |");
    out.println("|---|---|");
    for (var process : List.of("supervisor", "controlPlane", "buildPlane")) {
      out.printf("| %s | %.0f |%n", process, rssMebibytes(stand.pid(process)));
    }
  }

  static double rssMebibytes(long pid) throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0;
      }
    }
    throw new IOException("no VmRSS for process " + pid);
  }
}
