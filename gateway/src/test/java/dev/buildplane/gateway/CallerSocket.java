package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import javax.net.ssl.SSLContext;

/// A caller's connection byte by byte: HTTP/1.1 over TLS, and the pipe that an upgrade makes of it. A read that finds nothing within
/// [TestHub#PATIENCE] fails.
final class CallerSocket implements AutoCloseable {
  private final Socket socket;

  private CallerSocket(Socket socket) {
    this.socket = socket;
  }

  static CallerSocket open(TestHub hub, int port) throws Exception {
    return open(operator(hub), port);
  }

  static CallerSocket open(SSLContext tls, int port) throws IOException {
    var socket = tls.getSocketFactory().createSocket("localhost", port);
    socket.setTcpNoDelay(true);
    socket.setSoTimeout((int) TestHub.PATIENCE.toMillis());
    return new CallerSocket(socket);
  }

  /// What a caller of the internal CA shows who may everything.
  static SSLContext operator(TestHub hub) throws Exception {
    return hub.sslContext(hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR));
  }

  void send(String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(UTF_8));
    socket.getOutputStream().flush();
  }

  /// Asks to speak SPDY/3.1; returns the head of the answer.
  String upgrade(URI what) throws IOException {
    send(
        "POST " + what.getPath()
            + " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n");
    return upTo("\r\n\r\n");
  }

  String upTo(String end) throws IOException {
    var text = new StringBuilder();
    while (text.indexOf(end) < 0) {
      int next = in().read();
      assertThat(next).as("closed after: %s", text).isNotNegative();
      text.append((char) next);
    }
    return text.toString();
  }

  String text(int bytes) throws IOException {
    return new String(in().readNBytes(bytes), UTF_8);
  }

  InputStream in() throws IOException {
    return socket.getInputStream();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
