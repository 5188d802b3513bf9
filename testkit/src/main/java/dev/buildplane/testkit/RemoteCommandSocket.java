package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// exec and attach over a WebSocket, sub-protocols `v4.channel.k8s.io` and `v5.channel.k8s.io`: the first byte of each
/// message names the channel; in v5 channel 255 ends the one named by the next byte.
final class RemoteCommandSocket extends SimpleChannelInboundHandler<WebSocketFrame>
    implements PodProcess.Sink {
  static final String V4 = "v4.channel.k8s.io";
  static final String V5 = "v5.channel.k8s.io";

  private static final int STDIN = 0;
  private static final int ERROR = 3;
  private static final int CLOSE = 255;
  private static final int NORMAL_CLOSURE = 1000;

  private final PodSession.Opener opener;
  private @Nullable PodSession session;
  private @Nullable ChannelHandlerContext ctx;

  RemoteCommandSocket(PodSession.Opener opener) {
    this.opener = opener;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) throws IOException {
    ctx = context;
    session = opener.open(this);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
    switch (frame) {
      case BinaryWebSocketFrame message -> message(context, message.content());
      case PingWebSocketFrame ping ->
        context.writeAndFlush(new PongWebSocketFrame(ping.content().retain()));
      case CloseWebSocketFrame close ->
        context.writeAndFlush(close.retain()).addListener(ChannelFutureListener.CLOSE);
      default ->
        context.fireExceptionCaught(new IOException("expected binary messages, found " + frame));
    }
  }

  private void message(ChannelHandlerContext context, ByteBuf message) {
    var to = session;
    if (to == null || !message.isReadable()) {
      return;
    }
    int channel = message.readUnsignedByte();
    if (channel == STDIN) {
      context.channel().config().setAutoRead(false);
      to.input(ByteBufUtil.getBytes(message), () -> context.channel().config().setAutoRead(true));
    } else if (channel == CLOSE && message.isReadable() && message.readUnsignedByte() == STDIN) {
      to.endInput();
    }
  }

  @Override
  public void output(int stream, byte[] bytes) {
    send(stream, bytes).awaitUninterruptibly();
  }

  @Override
  public void exited(int code) {
    send(ERROR, PodSession.status(code).getBytes(UTF_8)).awaitUninterruptibly();
    // The caller closes: what it is still sending would otherwise reset the connection under this.
    context().writeAndFlush(new CloseWebSocketFrame(NORMAL_CLOSURE, ""));
  }

  private ChannelFuture send(int channel, byte[] bytes) {
    var message = Unpooled.buffer(bytes.length + 1).writeByte(channel).writeBytes(bytes);
    return context().writeAndFlush(new BinaryWebSocketFrame(message));
  }

  private ChannelHandlerContext context() {
    if (ctx == null) {
      throw new IllegalStateException("output before the handler was added");
    }
    return ctx;
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (session != null) {
      session.close();
    }
  }
}
