package dev.buildplane.agent;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.tunnel.TunnelTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Connections to backends, HTTP/1.1, kept alive between requests. Each event loop has its own shelf, so a stream and its backend
/// connection always share a thread and nothing is locked.
final class BackendPool {
  /// Connections kept per event loop and target. With fewer than there are requests at a time, most requests pay for a TLS handshake: 32 made
  /// 64 callers cost the target twelve times the processor time of a direct request.
  static final int MAX_IDLE_PER_TARGET = 256;

  static final Duration IDLE_LIMIT = Duration.ofSeconds(30);
  static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
  static final int MAX_INITIAL_LINE_BYTES = 8 << 10;
  static final int MAX_HEADER_BYTES =
      48 << 10; // below the tunnel's own limit, so that a target's excess ends one request only
  static final int MAX_CHUNK_BYTES = 64 << 10;

  /// Flushes within one turn of the event loop become one, so that pieces of a body that came together leave together; after this
  /// many they are not put off further.
  private static final int FLUSHES_TOGETHER = 256;

  private final Map<EventLoop, Map<Target, ArrayDeque<Channel>>> shelves =
      new ConcurrentHashMap<>();

  /// A connection for one exchange, on `loop`, on which this must be called.
  ///
  /// @param fresh true for a new one whatever is on the shelf
  Future<Channel> acquire(EventLoop loop, Target target, boolean fresh) {
    if (!fresh) {
      var shelf = shelf(loop, target);
      for (var idle = shelf.pollFirst(); idle != null; idle = shelf.pollFirst()) {
        if (idle.isActive()) {
          idle.pipeline().remove(Shelved.class);
          return loop.newSucceededFuture(idle);
        }
      }
    }
    return connect(loop, target);
  }

  /// Takes back a connection whose exchange has ended cleanly, its own handlers removed.
  void release(Target target, Channel channel) {
    var shelf = shelf(channel.eventLoop(), target);
    if (!channel.isActive() || shelf.size() >= MAX_IDLE_PER_TARGET) {
      channel.close();
      return;
    }
    channel.pipeline().addLast(new Shelved(shelf));
    shelf.addFirst(channel);
    channel.config().setAutoRead(true);
  }

  private ArrayDeque<Channel> shelf(EventLoop loop, Target target) {
    return shelves
        .computeIfAbsent(loop, added -> new HashMap<>())
        .computeIfAbsent(target, added -> new ArrayDeque<>());
  }

  /// After a reload: connections of targets that are no more are closed when they come back or have idled out.
  void forget(EventLoop loop, Targets current) {
    var shelf = shelves.get(loop);
    if (shelf != null) {
      shelf.entrySet().removeIf(entry -> {
        boolean gone = !current.byName().containsValue(entry.getKey());
        if (gone) {
          entry.getValue().forEach(Channel::close);
        }
        return gone;
      });
    }
  }

  private static Future<Channel> connect(EventLoop loop, Target target) {
    Promise<Channel> ready = loop.newPromise();
    var connecting = new Bootstrap()
        .group(loop)
        .channel(TunnelTransport.socketType())
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) CONNECT_LIMIT.toMillis())
        .option(ChannelOption.TCP_NODELAY, true)
        .handler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            assemble(channel, target, ready);
          }
        })
        .connect(target.host(), target.port());
    connecting.addListener(connected -> {
      if (!connected.isSuccess()) {
        ready.tryFailure(connected.cause());
      } else if (target.tls() == null) {
        ready.trySuccess(connecting.channel());
      }
    });
    return ready;
  }

  private static void assemble(Channel channel, Target target, Promise<Channel> ready) {
    var tls = target.tls();
    if (tls != null) {
      var handler = tls.newHandler(channel.alloc(), target.host(), target.port());
      handler.setHandshakeTimeoutMillis(CONNECT_LIMIT.toMillis());
      channel.pipeline().addLast(handler, new AwaitTls(ready));
    }
    var limits = new HttpDecoderConfig()
        .setMaxInitialLineLength(MAX_INITIAL_LINE_BYTES)
        .setMaxHeaderSize(MAX_HEADER_BYTES)
        .setMaxChunkSize(MAX_CHUNK_BYTES);
    channel
        .pipeline()
        .addLast(new HttpClientCodec(limits, false, false))
        .addLast(new FlushConsolidationHandler(FLUSHES_TOGETHER, true));
  }

  /// Hands the channel out once TLS is up.
  private static final class AwaitTls extends ChannelInboundHandlerAdapter {
    private final Promise<Channel> ready;

    AwaitTls(Promise<Channel> ready) {
      this.ready = ready;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof SslHandshakeCompletionEvent done) {
        ctx.pipeline().remove(this);
        if (done.isSuccess()) {
          ready.trySuccess(ctx.channel());
        } else {
          ready.tryFailure(done.cause());
          ctx.close();
        }
      }
      ctx.fireUserEventTriggered(event);
    }
  }

  /// Waits on the shelf: closes when idle for long, or when the backend says anything unasked.
  private static final class Shelved extends ChannelInboundHandlerAdapter {
    private final ArrayDeque<Channel> shelf;
    private Future<?> expiry;

    Shelved(ArrayDeque<Channel> shelf) {
      this.shelf = shelf;
      this.expiry = io.netty.util.concurrent.GlobalEventExecutor.INSTANCE.newSucceededFuture(null);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      expiry = ctx.executor().schedule(() -> drop(ctx), IDLE_LIMIT.toMillis(), MILLISECONDS);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
      expiry.cancel(false);
    }

    private void drop(ChannelHandlerContext ctx) {
      shelf.remove(ctx.channel());
      ctx.close();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      ReferenceCountUtil.release(msg);
      drop(ctx);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      drop(ctx);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      drop(ctx);
    }
  }
}
