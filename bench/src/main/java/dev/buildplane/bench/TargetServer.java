package dev.buildplane.bench;

import dev.buildplane.pki.Identity;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The server behind every row: HTTP/1.1 over TLS on one event loop, with as little of its own as can be, so that a row
/// shows what is in front of it.
///
/// | path | answer |
/// |---|---|
/// | `/small` | 1 KiB |
/// | `/bulk?bytes=N` | N bytes |
/// | `/sink` | how many bytes the request's body had |
/// | `/watch?events=N&interval=MS&first=MS` | N lines, each with this machine's monotonic time in nanoseconds, one per interval |
/// | `/write` | its `id` |
/// | `/hang` | none |
///
/// A [Witness] hears of requests to any of them that have an `id` in their query.
final class TargetServer implements AutoCloseable {
  static final int SMALL_BYTES = 1024;
  private static final int CHUNK_BYTES = 64 * 1024;
  private static final ByteBuf SMALL = constant(SMALL_BYTES);
  private static final ByteBuf CHUNK = constant(CHUNK_BYTES);

  private final EventLoopGroup loop;
  private final Channel listener;

  private TargetServer(EventLoopGroup loop, Channel listener) {
    this.loop = loop;
    this.listener = listener;
  }

  static TargetServer start(Identity identity) throws Exception {
    return start(identity, Optional.empty());
  }

  static TargetServer start(Identity identity, Optional<Witness> witness) throws Exception {
    var tls = SslContextBuilder.forServer(identity.key(), identity.chain())
        .sslProvider(OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK)
        .build();
    var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var listener = new ServerBootstrap()
        .group(loop)
        .channel(EpollServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, 4096)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childHandler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tls.newHandler(channel.alloc()))
                .addLast(new HttpServerCodec())
                .addLast(new Handler(witness));
          }
        })
        .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .sync()
        .channel();
    return new TargetServer(loop, listener);
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private static ByteBuf constant(int bytes) {
    return Unpooled.unreleasableBuffer(
        Unpooled.directBuffer(bytes).writeZero(bytes).asReadOnly());
  }

  /// One connection.
  private static final class Handler extends SimpleChannelInboundHandler<HttpObject> {
    private final Optional<Witness> witness;
    private String path = "";
    private String witnessed = "";
    private QueryStringDecoder query = new QueryStringDecoder("/");
    private long received;
    private long toSend;

    Handler(Optional<Witness> witness) {
      this.witness = witness;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, HttpObject message) {
      if (message instanceof HttpRequest request) {
        query = new QueryStringDecoder(request.uri());
        path = query.rawPath();
        received = 0;
      }
      if (message instanceof HttpContent content) {
        received += content.content().readableBytes();
      }
      if (message instanceof LastHttpContent) {
        answer(ctx);
      }
    }

    private void answer(ChannelHandlerContext ctx) {
      witnessed = witness.isPresent() ? text("id") : "";
      if (!witnessed.isEmpty()) {
        witness.ifPresent(told -> told.arrived(witnessed));
      }
      switch (path) {
        case "/small" -> whole(ctx, HttpResponseStatus.OK, SMALL.duplicate());
        case "/sink" -> whole(ctx, HttpResponseStatus.OK, ascii(Long.toString(received)));
        case "/write" -> whole(ctx, HttpResponseStatus.OK, ascii(text("id")));
        case "/hang" -> {
          // until the caller leaves
        }
        case "/bulk" -> {
          toSend = number("bytes");
          var head = head();
          head.headers().set(HttpHeaderNames.CONTENT_LENGTH, toSend);
          ctx.write(head);
          pump(ctx);
        }
        case "/watch" -> {
          var head = head();
          head.headers().set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
          ctx.writeAndFlush(head);
          event(ctx, number("events"), number("first"), number("interval"));
        }
        default -> whole(ctx, HttpResponseStatus.NOT_FOUND, ascii("no " + path));
      }
    }

    private void whole(ChannelHandlerContext ctx, HttpResponseStatus status, ByteBuf content) {
      witnessed = "";
      var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, content);
      response
          .headers()
          .set(HttpHeaderNames.CONTENT_TYPE, "application/octet-stream")
          .set(HttpHeaderNames.CONTENT_LENGTH, content.readableBytes());
      ctx.writeAndFlush(response);
    }

    private static DefaultHttpResponse head() {
      return new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    }

    private static ByteBuf ascii(String text) {
      return Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII);
    }

    private long number(String name) {
      return Long.parseLong(query.parameters().getOrDefault(name, List.of("0")).getFirst());
    }

    private String text(String name) {
      return query.parameters().getOrDefault(name, List.of("")).getFirst();
    }

    private void pump(ChannelHandlerContext ctx) {
      while (toSend > 0 && ctx.channel().isWritable()) {
        var bytes = (int) Math.min(CHUNK_BYTES, toSend);
        toSend -= bytes;
        ctx.write(new DefaultHttpContent(CHUNK.slice(0, bytes)));
        if (toSend == 0) {
          ctx.write(LastHttpContent.EMPTY_LAST_CONTENT);
        }
      }
      ctx.flush();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (!witnessed.isEmpty()) {
        witness.ifPresent(told -> told.gone(witnessed));
      }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (toSend > 0) {
        pump(ctx);
      }
    }

    private static void event(
        ChannelHandlerContext ctx, long left, long delayMillis, long everyMillis) {
      if (left == 0) {
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
        return;
      }
      ctx.executor()
          .schedule(
              () -> {
                if (ctx.channel().isActive()) {
                  ctx.writeAndFlush(new DefaultHttpContent(ascii(System.nanoTime() + "\n")));
                  event(ctx, left - 1, everyMillis, everyMillis);
                }
              },
              delayMillis,
              TimeUnit.MILLISECONDS);
    }
  }
}
