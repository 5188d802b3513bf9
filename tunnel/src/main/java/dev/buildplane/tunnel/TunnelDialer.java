package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/// Dials tunnels from the agent's side: TCP, TLS with the agent's identity and verified host name, WebSocket handshake, then HTTP/2, or the
/// JSON protocol when the gateway chooses no sub-protocol. Thread-safe; blocks nowhere.
public final class TunnelDialer {
  /// From the start of a dial to the first SETTINGS of the gateway.
  public static final Duration DEFAULT_DEADLINE = Duration.ofSeconds(10);

  /// How much of a refusal's text is kept.
  public static final int MAX_REFUSAL_CHARS = 1024;

  private static final int MAX_ANSWER_BYTES = 64 << 10;
  private static final int KEY_BYTES = 16;
  private static final SecureRandom KEYS = new SecureRandom();

  private final EventLoopGroup loops;
  private final TunnelSettings settings;
  private final Duration deadline;

  /// @param loops of [TunnelTransport]; stays the caller's
  public TunnelDialer(EventLoopGroup loops, TunnelSettings settings, Duration deadline) {
    this.loops = requireNonNull(loops, "loops");
    this.settings = requireNonNull(settings, "settings");
    this.deadline = requireNonNull(deadline, "deadline");
  }

  /// Dials once.
  ///
  /// @param tls the agent's identity and the CA it pins; the server's certificate must name the host of `to`
  /// @param metadata what to say about this agent ([WebSocketHandshake#METADATA_PREFIX]); keys are header tokens
  /// @param streams a sharable handler put on each incoming stream ([AgentTunnel])
  /// @return a tunnel that is up; or fails with a [TunnelException]: [HandshakeRefused], or code `DIAL_FAILED`
  public CompletionStage<AgentTunnel> dial(
      TunnelDestination to, SslContext tls, Map<String, String> metadata, ChannelHandler streams) {
    return dial(
        to, InetSocketAddress.createUnresolved(to.host(), to.port()), tls, metadata, streams);
  }

  /// As above, at one of the addresses that the host of `to` resolves to; the server's certificate must name the host all the same.
  public CompletionStage<AgentTunnel> dial(
      TunnelDestination to,
      InetSocketAddress address,
      SslContext tls,
      Map<String, String> metadata,
      ChannelHandler streams) {
    var outcome = new CompletableFuture<AgentTunnel>();
    var connecting = new Bootstrap()
        .group(loops)
        .channel(TunnelTransport.socketType())
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) deadline.toMillis())
        .option(ChannelOption.TCP_NODELAY, true)
        .option(ChannelOption.SO_KEEPALIVE, true)
        .handler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tlsHandler(tls, channel, to))
                .addLast(new HttpClientCodec())
                .addLast(new HttpObjectAggregator(MAX_ANSWER_BYTES))
                .addLast(new Handshake(to, metadata, streams, outcome));
          }
        })
        .connect(address);
    connecting.addListener(connected -> {
      if (!connected.isSuccess()) {
        outcome.completeExceptionally(failed(to, connected.cause()));
      }
    });
    closeUnlessDone(connecting.channel(), to, outcome);
    return outcome;
  }

  private SslHandler tlsHandler(SslContext tls, Channel channel, TunnelDestination to) {
    var handler = tls.newHandler(channel.alloc(), to.host(), to.port());
    var parameters = handler.engine().getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    handler.engine().setSSLParameters(parameters);
    handler.setHandshakeTimeoutMillis(deadline.toMillis());
    return handler;
  }

  private void closeUnlessDone(
      Channel channel, TunnelDestination to, CompletableFuture<AgentTunnel> outcome) {
    var timer = loops
        .next()
        .schedule(
            () -> {
              var late = new TunnelException(
                  TunnelException.Code.DIAL_FAILED,
                  "no tunnel to " + to.serverUrl() + " within " + deadline.toMillis() + " ms");
              if (outcome.completeExceptionally(late)) {
                channel.close();
              }
            },
            deadline.toMillis(),
            MILLISECONDS);
    outcome.whenComplete((tunnel, failure) -> {
      timer.cancel(false);
      if (failure != null) {
        channel.close();
      }
    });
  }

  private static TunnelException failed(TunnelDestination to, Throwable cause) {
    var root = cause;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    if (root instanceof TunnelException known) {
      return known;
    }
    return new TunnelException(
        TunnelException.Code.DIAL_FAILED,
        "cannot reach the gateway at " + to.serverUrl() + ": " + root.getClass().getSimpleName()
            + ": " + root.getMessage());
  }

  /// Sends the handshake once TLS is up, judges the answer, and puts the tunnel in its own and the HTTP handlers' place.
  private final class Handshake extends SimpleChannelInboundHandler<FullHttpResponse> {
    private final TunnelDestination to;
    private final Map<String, String> metadata;
    private final ChannelHandler streams;
    private final CompletableFuture<AgentTunnel> outcome;
    private final String key;

    Handshake(
        TunnelDestination to,
        Map<String, String> metadata,
        ChannelHandler streams,
        CompletableFuture<AgentTunnel> outcome) {
      this.to = to;
      this.metadata = metadata;
      this.streams = streams;
      this.outcome = outcome;
      var bytes = new byte[KEY_BYTES];
      KEYS.nextBytes(bytes);
      this.key = Base64.getEncoder().encodeToString(bytes);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof SslHandshakeCompletionEvent done && done.isSuccess()) {
        var request =
            new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, to.requestTarget());
        request
            .headers()
            .set(HttpHeaderNames.HOST, to.authority())
            .add(WebSocketHandshake.request(key, metadata, !settings.json().only()));
        ctx.writeAndFlush(request);
      } else if (event instanceof SslHandshakeCompletionEvent done) {
        outcome.completeExceptionally(failed(to, done.cause()));
      }
      ctx.fireUserEventTriggered(event);
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpResponse response) {
      if (!response.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
        outcome.completeExceptionally(
            new HandshakeRefused(response.status().code(), oneLine(response)));
        return;
      }
      var fault = fault(response);
      if (!fault.isEmpty()) {
        outcome.completeExceptionally(new TunnelException(TunnelException.Code.DIAL_FAILED, fault));
        return;
      }
      var pipeline = ctx.pipeline();
      var http = List.<ChannelHandler>of(
          pipeline.get(HttpClientCodec.class), pipeline.get(HttpObjectAggregator.class), this);
      var replica = Optional.ofNullable(response.headers().get(WebSocketHandshake.REPLICA_HEADER));
      var tunnel = response.headers().contains(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL)
          ? Http2Tunnel.installAgentEnd(ctx.channel(), http, settings, streams, replica)
          : JsonAgentEnd.install(ctx.channel(), http, settings, streams);
      tunnel.up().whenComplete((up, failure) -> {
        if (failure != null) {
          outcome.completeExceptionally(failed(to, failure));
        } else if (!outcome.complete(tunnel)) {
          tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "the dial had been given up"));
        }
      });
    }

    private String fault(FullHttpResponse response) {
      var headers = response.headers();
      if (!headers.containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
          || !WebSocketHandshake.acceptKey(key)
              .equals(headers.get(HttpHeaderNames.SEC_WEBSOCKET_ACCEPT))) {
        return "the answer of " + to.serverUrl()
            + " is not that of a WebSocket server (wrong Sec-WebSocket-Accept)";
      }
      if (headers.contains(HttpHeaderNames.SEC_WEBSOCKET_EXTENSIONS)) {
        return "the gateway chose a WebSocket extension that was not offered";
      }
      var chosen = headers.get(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL);
      // A gateway of v0.17 knows no sub-protocols and chooses none.
      return chosen == null || chosen.equals(WebSocketHandshake.H2_PROTOCOL)
          ? ""
          : "expected the gateway to choose " + WebSocketHandshake.H2_PROTOCOL + ", found '"
              + chosen + "': it does not speak this agent's protocol";
    }

    private static String oneLine(FullHttpResponse response) {
      var text =
          response.content().toString(UTF_8).replaceAll("\\p{Cntrl}+", " ").strip();
      return text.substring(0, Math.min(text.length(), MAX_REFUSAL_CHARS));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      outcome.completeExceptionally(failed(to, cause));
      ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      outcome.completeExceptionally(new TunnelException(
          TunnelException.Code.DIAL_FAILED,
          "the gateway at " + to.serverUrl() + " closed the connection during the handshake"));
      ctx.fireChannelInactive();
    }
  }
}
