package dev.buildplane.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How this program starts itself again in another process.
final class JavaCommand {
  private JavaCommand() {}

  /// The start of a server's command line, up to and with the main class.
  static List<String> server(int heapMebibytes, int directMebibytes) {
    var command = new ArrayList<>(List.of(java()));
    command.addAll(List.of(
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-XX:+UseSerialGC",
        "-XX:+UseCompactObjectHeaders",
        "-XX:+ExitOnOutOfMemoryError",
        // The tests run with every buffer watched; watching one in a hundred costs servers more than it tells.
        "-Dio.netty.leakDetection.level=disabled",
        // With little memory Netty pools no buffer above 16.5 KiB: each is allocated, zeroed and freed anew.
        "-Dio.netty.allocator.lowMemory=false",
        "-Xmx" + heapMebibytes + "m",
        "-XX:MaxDirectMemorySize=" + directMebibytes + "m"));
    command.addAll(cache());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "dev.buildplane.cli.Main"));
    return command;
  }

  /// The start of a short-lived command's command line.
  static List<String> command() {
    var command = new ArrayList<>(List.of(
        java(),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-XX:+UseSerialGC",
        "-XX:+UseCompactObjectHeaders",
        "-XX:TieredStopAtLevel=1"));
    command.addAll(cache());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "dev.buildplane.cli.Main"));
    return command;
  }

  /// The ahead-of-time cache that the launcher script made, when it did; the JDK ignores one that does not fit.
  private static List<String> cache() {
    var file = System.getenv("BUILDPLANE_AOT_CACHE");
    return file != null && Files.isRegularFile(Path.of(file))
        ? List.of("-XX:AOTCache=" + file, "-Xlog:aot=off")
        : List.of();
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }
}
