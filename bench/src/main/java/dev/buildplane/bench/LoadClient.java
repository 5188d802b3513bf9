package dev.buildplane.bench;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;

/// A light client for HTTP/1.1 with keep-alive and HTTP/2, all callers on one event loop, so that the same program can
/// load any peer and takes little of the processors that it shares with it.
final class LoadClient implements AutoCloseable {
  /// Longest wait for any one thing: a connection, an answer to a bulk transfer.
  private static final long PATIENCE_SECONDS = 120;

  /// Callers that share one HTTP/2 connection; every peer allows this many streams.
  private static final int STREAMS_PER_CONNECTION = 64;

  /// What one round of load gave.
  ///
  /// @param nanos latencies of all requests that ended within the round, sorted
  record Round(long[] nanos, double seconds) {
    double perSecond() {
      return nanos.length / seconds;
    }

    double quantileMillis(double quantile) {
      return nanos.length == 0
          ? Double.NaN
          : nanos[(int) Math.min(nanos.length - 1, quantile * nanos.length)] / 1e6;
    }
  }

  /// Called at the begin and the end of what is measured.
  @FunctionalInterface
  interface Mark {
    void take() throws IOException;
  }

  private final Endpoint endpoint;
  private final SslContext tls;
  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());

  LoadClient(Endpoint endpoint) throws SSLException {
    this.endpoint = endpoint;
    var builder = SslContextBuilder.forClient()
        .sslProvider(OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK)
        .protocols("TLSv1.3")
        .trustManager(endpoint.trust().certificates())
        .applicationProtocolConfig(new ApplicationProtocolConfig(
            ApplicationProtocolConfig.Protocol.ALPN,
            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
            endpoint.http2()
                ? ApplicationProtocolNames.HTTP_2
                : ApplicationProtocolNames.HTTP_1_1));
    endpoint.user().ifPresent(user -> builder.keyManager(user.key(), user.chain()));
    this.tls = builder.build();
  }

  /// Sends the supplier's requests again and again from `callers` callers for some time after a warm-up.
  Round run(
      Supplier<Request> requests,
      int callers,
      double warmUpSeconds,
      double seconds,
      Mark begin,
      Mark end)
      throws Exception {
    var links = connect(
        endpoint.http2()
            ? (callers + STREAMS_PER_CONNECTION - 1) / STREAMS_PER_CONNECTION
            : callers);
    var load = new Load(loop, () -> prefixed(requests.get()));
    try {
      for (var i = 0; i < callers; i++) {
        var link = links.get(i % links.size());
        loop.execute(() -> load.again(link));
      }
      load.sleep(warmUpSeconds);
      begin.take();
      load.recording = true;
      var begun = System.nanoTime();
      load.sleep(seconds);
      load.recording = false;
      var took = (System.nanoTime() - begun) / 1e9;
      end.take();
      return new Round(load.stop(), took);
    } finally {
      load.stopping = true;
      close(links);
    }
  }

  Round run(Request request, int callers, double warmUpSeconds, double seconds) throws Exception {
    return run(() -> request, callers, warmUpSeconds, seconds, () -> {}, () -> {});
  }

  /// Sends a request, and after each answer and a pause another, until told to stop.
  Paced paced(Request request, long pauseMillis) throws Exception {
    return new Paced(request, pauseMillis, connect(1));
  }

  /// A caller in the background.
  final class Paced {
    private final List<Link> links;
    private final Load load;
    private final long begun = System.nanoTime();

    private Paced(Request request, long pauseMillis, List<Link> links) {
      this.links = links;
      this.load = new Load(loop, () -> prefixed(request));
      load.recording = true;
      loop.execute(() -> next(pauseMillis));
    }

    private void next(long pauseMillis) {
      load.once(links.getFirst(), System.nanoTime(), () -> {
        if (!load.stopping) {
          loop.schedule(() -> next(pauseMillis), pauseMillis, TimeUnit.MILLISECONDS);
        }
      });
    }

    /// Throws when a request failed.
    Round stop() throws Exception {
      if (load.broken.isCompletedExceptionally()) {
        load.broken.get();
      }
      var nanos = load.stop();
      LoadClient.this.close(links);
      return new Round(nanos, (System.nanoTime() - begun) / 1e9);
    }
  }

  /// New connections, each for one request, from that many callers.
  Round storm(Request request, int callers, double seconds) throws Exception {
    var load = new Load(loop, () -> prefixed(request));
    for (var i = 0; i < callers; i++) {
      loop.execute(() -> reconnect(load));
    }
    load.sleep(seconds / 4);
    load.recording = true;
    var begun = System.nanoTime();
    load.sleep(seconds);
    load.recording = false;
    var took = (System.nanoTime() - begun) / 1e9;
    return new Round(load.stop(), took);
  }

  private void reconnect(Load load) {
    if (load.stopping) {
      return;
    }
    var begun = System.nanoTime();
    connect().whenComplete((link, failed) -> {
      if (failed != null) {
        load.broken.completeExceptionally(failed);
        return;
      }
      loop.execute(() -> load.once(link, begun, () -> {
        link.channel().close();
        reconnect(load);
      }));
    });
  }

  /// Sends the request once per stream, all at the same time; returns when all have been answered. With HTTP/1.1 each has a
  /// connection of its own, with HTTP/2 they share one.
  ///
  /// @return bytes of all answers
  long transfer(Request request, int streams) throws Exception {
    var links = connect(endpoint.http2() ? 1 : streams);
    try {
      var all = new ArrayList<CompletableFuture<byte[]>>();
      var counted = new long[1];
      for (var i = 0; i < streams; i++) {
        var link = links.get(i % links.size());
        var done = new CompletableFuture<byte[]>();
        all.add(done);
        loop.execute(() ->
            link.start(prefixed(request), new KeptBody(done, bytes -> counted[0] += bytes)));
      }
      for (var one : all) {
        one.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      }
      return counted[0];
    } finally {
      close(links);
    }
  }

  /// One request on a connection of its own.
  byte[] once(Request request) throws Exception {
    var links = connect(1);
    try {
      var done = new CompletableFuture<byte[]>();
      loop.execute(() -> links.getFirst().start(prefixed(request), new KeptBody(done, _ -> {})));
      return done.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } finally {
      close(links);
    }
  }

  /// Opens that many watches and gives the delay of every event; see [TargetServer].
  Round watches(
      IntFunction<Request> requests,
      int watches,
      double skipSeconds,
      double seconds,
      Mark begin,
      Mark end)
      throws Exception {
    var links = connect(
        endpoint.http2()
            ? (watches + STREAMS_PER_CONNECTION - 1) / STREAMS_PER_CONNECTION
            : watches);
    var load = new Load(loop, () -> Request.get("/"));
    try {
      for (var i = 0; i < watches; i++) {
        var link = links.get(i % links.size());
        var request = prefixed(requests.apply(i));
        loop.execute(() -> link.start(request, new WatchEvents(load)));
      }
      load.sleep(skipSeconds);
      begin.take();
      load.recording = true;
      load.sleep(seconds);
      load.recording = false;
      end.take();
      return new Round(load.stop(), seconds);
    } finally {
      load.stopping = true;
      close(links);
    }
  }

  /// Opens connections, sends one request on each and leaves them open while `look` looks.
  void idle(Request request, int connections, Mark look) throws Exception {
    var links = connect(connections);
    try {
      var all = new ArrayList<CompletableFuture<byte[]>>();
      for (var link : links) {
        var done = new CompletableFuture<byte[]>();
        all.add(done);
        loop.execute(() -> link.start(prefixed(request), new KeptBody(done, _ -> {})));
      }
      for (var one : all) {
        one.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      }
      look.take();
    } finally {
      close(links);
    }
  }

  private Request prefixed(Request request) {
    return endpoint.prefix().isEmpty()
        ? request
        : new Request(
            request.method(),
            endpoint.prefix() + request.path(),
            request.headers(),
            request.body(),
            request.repeats());
  }

  /// Opens connections, a few at a time: a storm of handshakes is measured elsewhere.
  private List<Link> connect(int count) throws Exception {
    var links = new ArrayList<Link>();
    var pending = new ArrayList<CompletableFuture<Link>>();
    for (var i = 0; i < count; i++) {
      pending.add(connect());
      if (pending.size() == 32 || i == count - 1) {
        for (var one : pending) {
          links.add(one.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        }
        pending.clear();
      }
    }
    return links;
  }

  /// Opens a connection; whoever asked closes its channel.
  CompletableFuture<Link> connect() {
    var ready = new CompletableFuture<Link>();
    new Bootstrap()
        .group(loop)
        .channel(EpollSocketChannel.class)
        .option(ChannelOption.TCP_NODELAY, true)
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            var handler = tls.newHandler(channel.alloc(), endpoint.host(), endpoint.port());
            channel.pipeline().addLast(handler);
            handler.handshakeFuture().addListener(shaken -> {
              if (shaken.isSuccess()) {
                install(channel, handler, ready);
              } else {
                ready.completeExceptionally(shaken.cause());
              }
            });
          }
        })
        .connect(endpoint.host(), endpoint.port())
        .addListener(connected -> {
          if (!connected.isSuccess()) {
            ready.completeExceptionally(connected.cause());
          }
        });
    return ready;
  }

  private void install(Channel channel, SslHandler handler, CompletableFuture<Link> ready) {
    var authority = endpoint.host() + ":" + endpoint.port();
    if (!endpoint.http2()) {
      var link = new Http1Link(channel, authority);
      channel.pipeline().addLast(link);
      ready.complete(link);
    } else if (ApplicationProtocolNames.HTTP_2.equals(handler.applicationProtocol())) {
      var link = Http2Link.create(authority);
      channel.pipeline().addLast(link);
      link.ready().whenComplete((done, failed) -> {
        if (failed != null) {
          ready.completeExceptionally(failed);
        } else {
          ready.complete(done);
        }
      });
    } else {
      ready.completeExceptionally(
          new IOException("expected " + authority + " to speak HTTP/2, found that it does not"));
    }
  }

  private void close(List<Link> links) throws Exception {
    for (var link : links) {
      link.channel().close();
    }
    for (var link : links) {
      link.channel().closeFuture().await(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  @Override
  public void close() throws InterruptedException {
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).await();
  }
}
