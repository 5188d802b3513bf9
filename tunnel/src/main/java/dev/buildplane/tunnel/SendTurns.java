package dev.buildplane.tunnel;

import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/// Who may send payload: the connection's window, and the streams that wait for it or for the socket. Those that send at the same time take
/// turns of one frame each, however long a body one of them has. On the connection's event loop.
final class SendTurns {
  private final Http2Output output;
  private final ArrayDeque<Http2Stream> waiting = new ArrayDeque<>();
  private int windowBytes = Http2Frames.INITIAL_WINDOW_BYTES;
  private @Nullable Http2Stream turn;
  private boolean turnTaken;

  SendTurns(Http2Output output) {
    this.output = output;
  }

  /// How many bytes of payload a stream may send in its next frame. With 0 it waits, and is told when to try again
  /// ([Http2Stream#resume]), unless it is its own window that holds it back.
  int allowance(Http2Stream stream, int streamWindowBytes) {
    if (streamWindowBytes <= 0) {
      return 0;
    }
    boolean mayGo = turn == stream ? !turnTaken : turn == null && waiting.isEmpty();
    // What takes more may have let others send, so the window is looked at afterwards.
    if (!mayGo || !output.takesMore() || windowBytes <= 0) {
      if (stream.beginsToWait()) {
        waiting.add(stream);
      }
      return 0;
    }
    turnTaken = true;
    return Math.min(Math.min(streamWindowBytes, windowBytes), output.payloadRoom(stream.id()));
  }

  void sent(int bytes) {
    windowBytes -= bytes;
  }

  void windowGrew(int bytes) throws Http2Exception {
    windowBytes = grown(windowBytes, bytes);
    resume();
  }

  /// @throws Http2Exception beyond what HTTP/2 allows
  static int grown(int windowBytes, int bytes) throws Http2Exception {
    long sum = (long) windowBytes + bytes;
    if (sum > Integer.MAX_VALUE) {
      throw Http2Exception.connectionError(
          Http2Error.FLOW_CONTROL_ERROR, "expected a window below 2 GiB, found %d bytes", sum);
    }
    return (int) sum;
  }

  /// The window or the socket takes more.
  void resume() {
    if (turn != null) {
      return;
    }
    try {
      while (windowBytes > 0 && !waiting.isEmpty() && output.takesMore()) {
        var next = waiting.poll();
        if (next == null) {
          return; // those that waited had their turns as the socket took what was there
        }
        turn = next;
        turnTaken = false;
        next.resume();
      }
    } finally {
      turn = null;
    }
  }

  void forget(Http2Stream stream) {
    if (stream.waits()) {
      waiting.remove(stream);
    }
  }

  void end() {
    waiting.clear();
  }
}
