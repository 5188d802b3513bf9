package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.spdy.SpdySynStreamFrame;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// exec and attach over SPDY/3.1 (`v4.channel.k8s.io`): one stream for each of the process's streams and one for its end. Starts when the
/// caller has opened all that it asked for.
final class SpdyCommand extends SpdyStreams implements PodProcess.Sink {
  private final PodSession.Opener opener;
  private final Set<String> awaited;
  private final Map<String, Integer> streams = new HashMap<>();
  private volatile @Nullable PodSession session;

  /// @param awaited types of the streams the caller will open, `error` among them
  SpdyCommand(PodSession.Opener opener, Set<String> awaited) {
    this.opener = opener;
    this.awaited = Set.copyOf(awaited);
  }

  @Override
  void opened(int stream, String type, SpdySynStreamFrame frame) {
    streams.put(type, stream);
    if (session == null && streams.keySet().containsAll(awaited)) {
      try {
        session = opener.open(this);
      } catch (IOException e) {
        context().fireExceptionCaught(e);
      }
    }
  }

  @Override
  void data(int stream, ByteBuf bytes) {
    var to = session;
    if (to != null && Integer.valueOf(stream).equals(streams.get("stdin"))) {
      var config = context().channel().config();
      config.setAutoRead(false);
      to.input(ByteBufUtil.getBytes(bytes), () -> config.setAutoRead(true));
    }
  }

  @Override
  void ended(int stream) {
    var to = session;
    if (to != null && Integer.valueOf(stream).equals(streams.get("stdin"))) {
      to.endInput();
    }
  }

  @Override
  public void output(int stream, byte[] bytes) {
    var to = streams.get(stream == PodProcess.STDOUT ? "stdout" : "stderr");
    if (to != null) {
      send(to, Unpooled.wrappedBuffer(bytes)).awaitUninterruptibly();
    }
  }

  @Override
  public void exited(int code) {
    streams.forEach((type, stream) -> {
      if (type.equals("error")) {
        send(stream, Unpooled.copiedBuffer(PodSession.status(code), UTF_8));
      }
      end(stream);
    });
    // The caller closes, having read how it ended: what it is still sending would otherwise reset the connection.
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    var open = session;
    if (open != null) {
      open.close();
    }
  }
}
