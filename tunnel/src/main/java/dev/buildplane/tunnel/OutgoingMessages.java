package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/// The messages on their way out of one JSON connection, in order, as frames paced by the socket. Belongs to the channel's event loop.
final class OutgoingMessages {
  /// Messages that may wait for the socket; a peer that lets more pile up does not read. The connection sees to it.
  static final int MAX_WAITING = 16 * 1024;

  private static final int FRAMES_PER_TURN = 16;

  /// A message under way to the socket.
  private record Outgoing(Deque<byte[]> parts, Runnable gone) {}

  private final Channel channel;
  private final Runnable afterEach;
  private final Deque<Outgoing> outgoing = new ArrayDeque<>();
  private boolean pumping;
  private boolean insideOutgoing;

  /// @param afterEach runs each time the socket has taken a message, or never will
  OutgoingMessages(Channel channel, Runnable afterEach) {
    this.channel = channel;
    this.afterEach = afterEach;
  }

  /// Queues a message; `gone` runs when the socket has taken it, or never will.
  void add(Deque<byte[]> parts, Runnable gone) {
    outgoing.add(new Outgoing(joined(parts), gone));
  }

  /// Messages that are not wholly in the channel's hands.
  int waiting() {
    return outgoing.size();
  }

  /// Forgets what waits: nothing of it will be sent.
  void drop() {
    var unsent = List.copyOf(outgoing);
    outgoing.clear();
    unsent.forEach(message -> message.gone().run());
  }

  /// A message that fits into one frame goes as one, as v0.17 itself writes every message.
  private static Deque<byte[]> joined(Deque<byte[]> parts) {
    int bytes = parts.stream().mapToInt(part -> part.length).sum();
    if (parts.size() == 1 || bytes > WebSocketCodec.FRAME_BYTES) {
      return parts;
    }
    var whole = new byte[bytes];
    int at = 0;
    for (var part : parts) {
      System.arraycopy(part, 0, whole, at, part.length);
      at += part.length;
    }
    return new ArrayDeque<>(List.of(whole));
  }

  /// Writes frames while the socket takes them, so that no more than a few are held by the channel. A flush may make the channel
  /// writable and so call this from within.
  void pump() {
    if (pumping) {
      return;
    }
    pumping = true;
    int frames = 0;
    while (!outgoing.isEmpty() && channel.isWritable() && frames < FRAMES_PER_TURN) {
      writeFrame(outgoing.element());
      channel.flush();
      frames++;
    }
    pumping = false;
    if (frames == FRAMES_PER_TURN) {
      channel.eventLoop().execute(this::pump); // the loop has others to serve
    }
  }

  private void writeFrame(Outgoing next) {
    var part = next.parts().remove();
    boolean last = next.parts().isEmpty();
    var frame = new TextFrame(part, !insideOutgoing, last);
    insideOutgoing = !last;
    if (last) {
      outgoing.remove();
    }
    var written = channel.write(frame);
    if (last) {
      written.addListener(_ -> {
        next.gone().run();
        afterEach.run();
      });
    }
  }
}
