package dev.buildplane.gateway;

import dev.buildplane.tunnel.TunnelTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/// A caller over HTTP/2 that opens pipes by extended CONNECT (RFC 8441), with Netty's codec and none of the product's. For any thread but its loop.
final class Http2Caller implements AutoCloseable {
  private static final EventLoopGroup LOOPS = TunnelTransport.eventLoops(1, "http2-callers");
  private static final long PATIENCE_SECONDS = 60;

  private final Channel connection;
  private final CompletableFuture<Boolean> offersConnect;
  private final Queue<Pipe> pipes = new ConcurrentLinkedQueue<>();

  private Http2Caller(Channel connection, CompletableFuture<Boolean> offersConnect) {
    this.connection = connection;
    this.offersConnect = offersConnect;
  }

  static Http2Caller connect(int port, SSLContext tls) throws Exception {
    var engine = tls.createSSLEngine("localhost", port);
    engine.setUseClientMode(true);
    var parameters = engine.getSSLParameters();
    parameters.setApplicationProtocols(new String[] {"h2"});
    engine.setSSLParameters(parameters);
    var offersConnect = new CompletableFuture<Boolean>();
    var connection = new Bootstrap()
        .group(LOOPS)
        .channel(TunnelTransport.socketType())
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(new SslHandler(engine))
                .addLast(Http2FrameCodecBuilder.forClient()
                    .encoderEnforceMaxRstFramesPerWindow(0, 0)
                    .gracefulShutdownTimeoutMillis(0)
                    .build())
                .addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()))
                .addLast(new Settings(offersConnect));
          }
        })
        .connect(InetAddress.getLoopbackAddress(), port)
        .sync()
        .channel();
    connection.pipeline().get(SslHandler.class).handshakeFuture().sync();
    return new Http2Caller(connection, offersConnect);
  }

  /// Whether the server's SETTINGS say that extended CONNECT may be used.
  boolean offersConnect() throws Exception {
    return offersConnect.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  /// @param more names and values in turn
  Pipe open(String protocol, String path, String... more) throws Exception {
    var head = new DefaultHttp2Headers()
        .method("CONNECT")
        .scheme("https")
        .authority("localhost")
        .path(path)
        .set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), protocol);
    for (int i = 0; i < more.length; i += 2) {
      head.add(more[i], more[i + 1]);
    }
    return send(head, false);
  }

  /// An ordinary GET.
  Pipe get(String path) throws Exception {
    return send(
        new DefaultHttp2Headers()
            .method("GET")
            .scheme("https")
            .authority("localhost")
            .path(path),
        true);
  }

  private Pipe send(Http2Headers head, boolean whole) throws Exception {
    var pipe = new Pipe();
    pipes.add(pipe);
    pipe.stream =
        new Http2StreamChannelBootstrap(connection).handler(pipe).open().sync().getNow();
    pipe.stream().writeAndFlush(new DefaultHttp2HeadersFrame(head, whole)).sync();
    return pipe;
  }

  @Override
  public void close() throws Exception {
    connection.close().sync();
    pipes.forEach(Pipe::close); // else each would wait for somebody to read what has come
  }

  private static final class Settings extends ChannelInboundHandlerAdapter {
    private final CompletableFuture<Boolean> offersConnect;

    Settings(CompletableFuture<Boolean> offersConnect) {
      this.offersConnect = offersConnect;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof Http2SettingsFrame frame) {
        offersConnect.complete(Boolean.TRUE.equals(frame.settings().connectProtocolEnabled()));
      }
      ReferenceCountUtil.release(msg);
    }
  }

  /// One stream. Takes nothing in that is not asked for, so that its windows hold the server back.
  static final class Pipe extends ChannelInboundHandlerAdapter implements Closeable {
    private sealed interface Event {
      record Head(Http2Headers headers) implements Event {}

      record Piece(byte[] bytes) implements Event {}

      record End() implements Event {}

      record Gone() implements Event {}
    }

    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final List<Http2Headers> interim = new ArrayList<>();
    private final CompletableFuture<Long> reset = new CompletableFuture<>();
    private @Nullable Channel stream;
    private @Nullable Http2Headers answer;
    private byte[] piece = new byte[0];
    private int taken;
    private boolean ended;

    private Channel stream() {
      if (stream == null) {
        throw new IllegalStateException("the stream is not open yet");
      }
      return stream;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      ctx.channel().config().setAutoRead(false);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      switch (msg) {
        case Http2HeadersFrame frame -> {
          events.add(new Event.Head(frame.headers()));
          if (frame.isEndStream()) {
            events.add(new Event.End());
          }
        }
        case Http2DataFrame frame -> {
          if (frame.content().isReadable()) {
            events.add(new Event.Piece(ByteBufUtil.getBytes(frame.content())));
          }
          if (frame.isEndStream()) {
            events.add(new Event.End());
          }
        }
        default -> {
          // SETTINGS and windows of the connection do not come here.
        }
      }
      ReferenceCountUtil.release(msg);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      if (events.isEmpty()) {
        ctx.read(); // what came was nothing that anybody waits for
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof Http2ResetFrame frame) {
        reset.complete(frame.errorCode());
        ctx.read(); // what came before it is there still
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      events.add(new Event.Gone());
    }

    private Event next() throws IOException {
      var next = events.poll();
      if (next != null) {
        return next;
      }
      stream().read();
      try {
        next = events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException(e);
      }
      if (next == null) {
        throw new IOException("expected something on the stream, found nothing");
      }
      return next;
    }

    /// The head of the answer.
    Http2Headers answer() throws IOException {
      while (answer == null) {
        switch (next()) {
          case Event.Head(var headers)
          when String.valueOf(headers.status()).startsWith("1") -> interim.add(headers);
          case Event.Head(var headers) -> answer = headers;
          case Event.Piece _ -> throw new IOException("data before a head");
          case Event.End _ -> throw new IOException("the end before a head");
          case Event.Gone _ -> throw new IOException("gone before a head, reset " + reset);
        }
      }
      return answer;
    }

    /// What came before the answer.
    List<Http2Headers> interim() throws IOException {
      answer();
      return interim;
    }

    int status() throws IOException {
      return Integer.parseInt(String.valueOf(answer().status()));
    }

    String header(String name) throws IOException {
      return String.valueOf(answer().get(name));
    }

    /// What the server sends, until it ends its direction. Fails when the stream ends without.
    InputStream in() {
      return new InputStream() {
        @Override
        public int read() throws IOException {
          var one = new byte[1];
          return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
          if (length == 0) {
            return 0;
          }
          while (taken == piece.length) {
            if (ended || !more()) {
              return -1;
            }
          }
          int count = Math.min(length, piece.length - taken);
          System.arraycopy(piece, taken, into, offset, count);
          taken += count;
          return count;
        }
      };
    }

    /// Waits for the next piece; false at the end.
    private boolean more() throws IOException {
      answer();
      switch (next()) {
        case Event.Piece(var bytes) -> {
          piece = bytes;
          taken = 0;
        }
        case Event.Head _, Event.End _ -> ended = true;
        case Event.Gone _ -> throw new IOException("the stream ended before its end came");
      }
      return !ended;
    }

    String text() throws IOException {
      return new String(in().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    }

    String text(int bytes) throws IOException {
      return new String(in().readNBytes(bytes), java.nio.charset.StandardCharsets.UTF_8);
    }

    /// The code of the reset that comes.
    long resetCode() throws Exception {
      return reset.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /// Completes once the server's windows and the socket have taken it.
    ChannelFuture send(byte[] bytes) {
      return stream().writeAndFlush(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(bytes)));
    }

    void send(String text) throws Exception {
      send(text.getBytes(java.nio.charset.StandardCharsets.UTF_8)).sync();
    }

    OutputStream out() {
      return new OutputStream() {
        @Override
        public void write(int one) {
          write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
          send(java.util.Arrays.copyOfRange(bytes, offset, offset + length)).syncUninterruptibly();
        }
      };
    }

    /// Ends this direction.
    void end() throws Exception {
      stream().writeAndFlush(new DefaultHttp2DataFrame(true)).sync();
    }

    void reset(Http2Error code) throws Exception {
      stream().writeAndFlush(new DefaultHttp2ResetFrame(code)).sync();
    }

    /// Whether both directions have ended, or the stream was reset.
    boolean isClosed() {
      return !(stream() instanceof Http2StreamChannel channel) || !channel.isActive();
    }

    @Override
    public void close() {
      stream().close().syncUninterruptibly();
    }
  }
}
