package dev.buildplane.gateway;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.buildplane.http.Http2CodecBuilder;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2PingFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// One HTTP/2 connection to another replica. Its streams speak Netty's HTTP/1.1 objects, as those of a tunnel do, and end
/// with the connection, which is dead after a lease of silence. [#openStream], [#takes] and [#close] are for any thread.
final class PeerConnection {
  /// Streams at a time; the peer's callers' listener takes 250.
  static final int MAX_STREAMS = 200;

  /// Streams that did not end by themselves before the connection is retired: a listener cuts a caller that resets 200 in
  /// half a minute (rapid reset, CVE-2023-44487), and here many callers share a connection.
  static final int MAX_CANCELLED = 150;

  static final int STREAM_WINDOW_BYTES = 256 << 10;
  static final int MAX_HEADER_LIST_BYTES = 64 << 10;

  private final Channel channel;
  private final AtomicInteger streams = new AtomicInteger();
  private final AtomicInteger cancelled = new AtomicInteger();
  private volatile boolean retired;
  private volatile boolean takesConnect;

  private PeerConnection(Channel channel) {
    this.channel = channel;
  }

  /// Puts HTTP/2 on a connection whose TLS is up; on its loop.
  ///
  /// @param ready is told when the peer's SETTINGS have come, or that they never will
  static void install(Channel channel, MeshSettings settings, Promise<PeerConnection> ready) {
    var connection = new PeerConnection(channel);
    var codec = new Http2CodecBuilder(false)
        .initialSettings(Http2Settings.defaultSettings()
            .pushEnabled(false)
            .initialWindowSize(STREAM_WINDOW_BYTES)
            .maxHeaderListSize(MAX_HEADER_LIST_BYTES))
        .gracefulShutdownTimeoutMillis(0)
        .build();
    channel
        .pipeline()
        .addLast(new Liveness(settings))
        .addLast(codec)
        .addLast(new Http2MultiplexHandler(new RefusePushed()))
        .addLast(connection.new Watcher(ready));
  }

  /// Whether it takes another stream.
  boolean takes() {
    return !retired && channel.isActive() && streams.get() < MAX_STREAMS;
  }

  boolean isOpen() {
    return channel.isActive();
  }

  /// Opens a stream; fails before anything was sent.
  Future<Channel> openStream(ChannelHandler handler) {
    return open(handler, false);
  }

  /// Opens a stream for one upgrade, which is Netty's HTTP/1.1 objects until a 101 has come, then bytes; fails before anything was sent.
  Future<Channel> openPipe(ChannelHandler handler) {
    return takesConnect
        ? open(handler, true)
        : channel
            .eventLoop()
            .newFailedFuture(
                new IOException(
                    "expected a peer that takes extended CONNECT, found one whose SETTINGS do not offer it"));
  }

  private Future<Channel> open(ChannelHandler handler, boolean pipe) {
    Promise<Channel> opening = channel.eventLoop().newPromise();
    if (!takes()) {
      return opening.setFailure(
          new IOException("the connection to the peer takes no more streams"));
    }
    streams.incrementAndGet();
    new Http2StreamChannelBootstrap(channel)
        .handler(new ChannelInitializer<Http2StreamChannel>() {
          @Override
          protected void initChannel(Http2StreamChannel stream) {
            // A peer that has answered early resets the stream (RFC 9113 section 8.1). What of the body then cannot be written must not close
            // it under the answer, which may still wait to be read.
            stream.config().setAutoClose(false);
            stream
                .pipeline()
                .addLast(new Http2StreamFrameToHttpObjectCodec(false))
                .addLast(new Ends());
            if (pipe) {
              stream.pipeline().addLast(new PeerPipe());
            }
            stream.pipeline().addLast(handler);
          }
        })
        .open()
        .addListener((Future<Http2StreamChannel> done) -> {
          if (done.isSuccess()) {
            done.getNow().closeFuture().addListener(_ -> streamClosed());
            opening.setSuccess(done.getNow());
          } else {
            streamClosed();
            opening.setFailure(done.cause());
          }
        });
    return opening;
  }

  private void streamClosed() {
    if (streams.decrementAndGet() == 0 && retired) {
      channel.close();
    }
  }

  /// Takes no more streams, and closes with the last one.
  private void retire() {
    retired = true;
    if (streams.get() == 0) {
      channel.close();
    }
  }

  void close() {
    channel.close();
  }

  Future<Void> closed() {
    return channel.closeFuture();
  }

  /// Counts streams that ended before both directions had.
  private final class Ends extends ChannelDuplexHandler {
    private boolean sent;
    private boolean received;

    @Override
    public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
      sent |= msg instanceof LastHttpContent
          || (msg instanceof Http2DataFrame frame && frame.isEndStream());
      ctx.write(msg, promise);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      received |= msg instanceof LastHttpContent;
      ctx.fireChannelRead(msg);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (!(sent && received) && cancelled.incrementAndGet() == MAX_CANCELLED) {
        retire();
      }
      ctx.fireChannelInactive();
    }
  }

  /// What the peer says about the connection as a whole.
  private final class Watcher extends ChannelInboundHandlerAdapter {
    private final Promise<PeerConnection> ready;

    Watcher(Promise<PeerConnection> ready) {
      this.ready = ready;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof Http2SettingsFrame frame) {
        takesConnect |= Boolean.TRUE.equals(frame.settings().connectProtocolEnabled());
        ready.trySuccess(PeerConnection.this);
      }
      if (msg instanceof Http2GoAwayFrame) {
        retire();
      }
      ReferenceCountUtil.release(msg);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      ready.tryFailure(new IOException("the peer closed the connection before its SETTINGS"));
      ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }

  /// Pings, and closes after a lease without a byte: a peer that is stopped keeps its sockets open.
  private static final class Liveness extends ChannelInboundHandlerAdapter {
    private static final long CONTENT = 0x6d657368; // "mesh"

    private final MeshSettings settings;
    private long heardNanos = System.nanoTime();
    private @Nullable Future<?> timer;

    Liveness(MeshSettings settings) {
      this.settings = settings;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      long period = settings.pingInterval().toNanos();
      timer = ctx.executor().scheduleWithFixedDelay(() -> look(ctx), period, period, NANOSECONDS);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
      if (timer != null) {
        timer.cancel(false);
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      heardNanos = System.nanoTime();
      ctx.fireChannelRead(msg);
    }

    private void look(ChannelHandlerContext ctx) {
      if (System.nanoTime() - heardNanos > settings.lease().toNanos()) {
        ctx.pipeline().firstContext().close(); // no farewell: it would not be answered
      } else {
        ctx.channel().writeAndFlush(new DefaultHttp2PingFrame(CONTENT));
      }
    }
  }

  /// Push is off, so this is never asked.
  @ChannelHandler.Sharable
  private static final class RefusePushed extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      stream.close();
    }
  }
}
