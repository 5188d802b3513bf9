package dev.buildplane.http;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// One accepted WebSocket, blocking. One thread may receive while others send.
public interface WebSocket extends AutoCloseable {
  /// A whole message, reassembled from fragments; bounded by the route's `maxMessageBytes` (1009
  /// beyond it).
  record Message(boolean text, byte[] payload) {}

  /// The next message, or null once the peer has closed or gone. Pings are answered underneath.
  @Nullable
  Message receive() throws InterruptedException;

  /// Blocks while the peer does not read.
  void sendText(String text) throws IOException;

  /// Blocks while the peer does not read.
  void sendBinary(byte[] payload) throws IOException;

  /// Sends a close frame (RFC 6455 section 7.4 code) and closes. A repeat does nothing.
  void close(int code, String reason);

  @Override
  default void close() {
    close(1000, "");
  }
}
