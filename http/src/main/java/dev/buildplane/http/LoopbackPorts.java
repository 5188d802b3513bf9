package dev.buildplane.http;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/// Ports of the loopback interface for servers that start later, or again. Any thread.
public final class LoopbackPorts {
  private static final int LOWEST = 10_000;
  private static final int HIGHEST = 65_535;
  private static final int ATTEMPTS = 100;

  /// Linux: the first and the last port that outgoing connections are given.
  private static final Path OUTGOING = Path.of("/proc/sys/net/ipv4/ip_local_port_range");

  private LoopbackPorts() {}

  /// A port that nobody listens on now. Where there are enough below those that outgoing connections get, it is one of these: else
  /// any connection on this machine may have it by the time the server starts.
  ///
  /// @throws IOException when none was found
  public static int free() throws IOException {
    int end = firstOutgoing();
    for (var attempt = 0; end - LOWEST > ATTEMPTS && attempt < ATTEMPTS; attempt++) {
      int port = ThreadLocalRandom.current().nextInt(LOWEST, end);
      if (isFree(port)) {
        return port;
      }
    }
    try (var any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return any.getLocalPort();
    }
  }

  private static boolean isFree(int port) throws IOException {
    try (var probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      return true;
    } catch (BindException taken) {
      return false;
    }
  }

  private static int firstOutgoing() throws IOException {
    if (!Files.isReadable(OUTGOING)) {
      return HIGHEST;
    }
    // In one read: the kernel gives nothing to a second one, and Files.readString begins with a single byte.
    try (var lines = Files.newBufferedReader(OUTGOING)) {
      return Integer.parseInt(lines.readLine().strip().split("\\s+")[0]);
    }
  }
}
