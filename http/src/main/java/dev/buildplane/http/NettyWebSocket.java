package dev.buildplane.http;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.Utf8FrameValidator;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameEncoder;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A [WebSocket] over Netty's stock codec. Reads from the socket while no message waits, so that pings are answered
/// and a close is seen; a message that waits holds the peer back. `arrived`, `ended`, `unsentBytes` are guarded by
/// `lock`.
final class NettyWebSocket extends SimpleChannelInboundHandler<WebSocketFrame>
    implements WebSocket {
  /// Bytes handed to Netty and not yet on the wire, at which senders block.
  private static final int MAX_UNSENT_BYTES = 256 * 1024;

  /// How long the peer may take to answer a close frame.
  private static final long CLOSE_SECONDS = 5;

  /// Longest reason of a close frame in UTF-8 bytes (RFC 6455 section 5.5).
  private static final int MAX_REASON_BYTES = 123;

  private final Channel channel;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<Message> arrived = new ArrayDeque<>();
  private boolean ended;
  private boolean closeSent;
  private int unsentBytes;

  private NettyWebSocket(Channel channel) {
    super(WebSocketFrame.class);
    this.channel = channel;
  }

  /// Puts the codec and a socket into the pipeline. Called on the event loop.
  static NettyWebSocket install(Channel channel, int maxMessageBytes) {
    var socket = new NettyWebSocket(channel);
    channel.config().setAutoRead(false);
    channel
        .pipeline()
        .addLast(new WebSocket13FrameDecoder(WebSocketDecoderConfig.newBuilder()
            .maxFramePayloadLength(maxMessageBytes)
            .allowExtensions(false)
            .expectMaskedFrames(true)
            .closeOnProtocolViolation(false)
            .build()))
        .addLast(new WebSocket13FrameEncoder(false))
        .addLast(new Utf8FrameValidator(false))
        .addLast(new WebSocketFrameAggregator(maxMessageBytes))
        .addLast(socket);
    channel.read();
    return socket;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, WebSocketFrame frame) {
    switch (frame) {
      case PingWebSocketFrame ping ->
        ctx.writeAndFlush(new PongWebSocketFrame(ping.content().retain()));
      case CloseWebSocketFrame close -> {
        int code = close.statusCode();
        sendClose(code < 0 ? 1000 : code, "");
        ctx.channel().eventLoop().execute(() -> ctx.close());
      }
      case TextWebSocketFrame text -> deliver(true, text);
      case BinaryWebSocketFrame binary -> deliver(false, binary);
      default -> {
        // pongs
      }
    }
  }

  private void deliver(boolean text, WebSocketFrame frame) {
    var payload = new byte[frame.content().readableBytes()];
    frame.content().readBytes(payload);
    lock.lock();
    try {
      arrived.add(new Message(text, payload));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    readIfIdle(ctx);
    ctx.fireChannelReadComplete();
  }

  private void readIfIdle(ChannelHandlerContext ctx) {
    lock.lock();
    try {
      if (!arrived.isEmpty() || ended) {
        return;
      }
    } finally {
      lock.unlock();
    }
    ctx.read();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end();
    ctx.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    var status = switch (cause) {
      case CorruptedWebSocketFrameException corrupted -> corrupted.closeStatus();
      case TooLongFrameException _ -> WebSocketCloseStatus.MESSAGE_TOO_BIG;
      default -> null;
    };
    if (status == null) {
      ctx.close();
    } else {
      sendClose(status.code(), status.reasonText());
      end();
      ctx.channel().eventLoop().execute(() -> ctx.close());
    }
  }

  private void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public @Nullable Message receive() throws InterruptedException {
    lock.lock();
    try {
      while (arrived.isEmpty() && !ended) {
        changed.await();
      }
      var message = arrived.poll();
      if (message != null && arrived.isEmpty()) {
        channel.read();
      }
      return message;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void sendText(String text) throws IOException {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    send(new TextWebSocketFrame(Unpooled.wrappedBuffer(bytes)), bytes.length);
  }

  @Override
  public void sendBinary(byte[] payload) throws IOException {
    send(new BinaryWebSocketFrame(Unpooled.wrappedBuffer(payload.clone())), payload.length);
  }

  private void send(WebSocketFrame frame, int size) throws IOException {
    lock.lock();
    try {
      while (!ended && !closeSent && unsentBytes > MAX_UNSENT_BYTES) {
        changed.await();
      }
      if (ended || closeSent) {
        frame.release();
        throw new IOException("the WebSocket is closed");
      }
      unsentBytes += size;
    } catch (InterruptedException e) {
      frame.release();
      Thread.currentThread().interrupt();
      var interrupted =
          new InterruptedIOException("interrupted while the WebSocket's peer did not read");
      interrupted.initCause(e);
      throw interrupted;
    } finally {
      lock.unlock();
    }
    channel.writeAndFlush(frame).addListener(_ -> sent(size));
  }

  private void sent(int size) {
    lock.lock();
    try {
      unsentBytes -= size;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close(int code, String reason) {
    var sent = sendClose(code, reason);
    if (sent == null) {
      return;
    }
    try {
      channel.eventLoop().schedule(() -> channel.close(), CLOSE_SECONDS, TimeUnit.SECONDS);
      channel.read();
    } catch (RejectedExecutionException e) {
      channel.close();
    }
  }

  /// Sends a close frame; null when one has gone out already.
  private @Nullable Future<Void> sendClose(int code, String reason) {
    lock.lock();
    try {
      if (closeSent) {
        return null;
      }
      closeSent = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    var frame = new CloseWebSocketFrame(new WebSocketCloseStatus(code, shortened(reason), false));
    return channel.writeAndFlush(frame).addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  private static String shortened(String reason) {
    var text = reason;
    while (text.getBytes(StandardCharsets.UTF_8).length > MAX_REASON_BYTES) {
      text = text.substring(0, text.length() - 1);
    }
    return text;
  }
}
