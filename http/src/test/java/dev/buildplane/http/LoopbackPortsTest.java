package dev.buildplane.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import org.junit.jupiter.api.Test;

class LoopbackPortsTest {
  private static final int TIMES = 20;

  /// What connections of this machine get, told by another program.
  private static int firstOutgoing() throws Exception {
    var sysctl = new ProcessBuilder("cat", "/proc/sys/net/ipv4/ip_local_port_range").start();
    var text = new String(sysctl.getInputStream().readAllBytes()).strip();
    assumeThat(sysctl.waitFor()).as("Linux").isZero();
    return Integer.parseInt(text.split("\\s+")[0]);
  }

  @Test
  void aFreePortIsNoneThatOutgoingConnectionsGet() throws Exception {
    int first = firstOutgoing();
    var found = new HashSet<Integer>();
    for (var i = 0; i < TIMES; i++) {
      int port = LoopbackPorts.free();
      assertThat(port).isBetween(1024, first - 1);
      new ServerSocket(port, 1, InetAddress.getLoopbackAddress()).close();
      found.add(port);
    }
    assertThat(found).as("chosen at random").hasSizeGreaterThan(1);
  }
}
