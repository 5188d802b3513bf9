package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Links that go silent without closing, in one direction or both.
@Timeout(120)
class LivenessFault {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Loopback net;
  private BlackHole link;

  @BeforeEach
  void connect() throws Exception {
    var quick = Loopback.settings().withLiveness(Duration.ofMillis(300), Duration.ofSeconds(4));
    net = new Loopback(quick, quick);
    link = new BlackHole(net);
    net.agentEnd = net.dialer()
        .dial(Loopback.destination(link.port()), Loopback.agentTls(), Map.of(), net.target)
        .toCompletableFuture()
        .get(30, TimeUnit.SECONDS);
    net.gatewayEnd = net.gateway.accept();
  }

  @AfterEach
  void disconnect() {
    link.listener.close().syncUninterruptibly();
    net.close();
  }

  @Test
  void bothEndsNoticeALinkThatSwallowsEverything() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/never"));
    link.swallowUp.set(true);
    link.swallowDown.set(true);
    assertThat(reason(net.gatewayEnd)).isEqualTo(CloseReason.Code.SILENT);
    assertThat(reason(net.agentEnd)).isEqualTo(CloseReason.Code.SILENT);
    assertThat(call.failed().code()).isEqualTo(TunnelException.Code.CONNECTION_LOST);
    assertThat(call.failed()).hasMessageContaining("nothing was heard");
  }

  @Test
  void theGatewayNoticesThatTheAgentsBytesAreSwallowed() throws Exception {
    link.swallowUp.set(true);
    assertThat(reason(net.gatewayEnd)).isEqualTo(CloseReason.Code.SILENT);
    reason(net.agentEnd);
  }

  @Test
  void theAgentNoticesThatTheGatewaysBytesAreSwallowed() throws Exception {
    link.swallowDown.set(true);
    assertThat(reason(net.agentEnd)).isEqualTo(CloseReason.Code.SILENT);
    reason(net.gatewayEnd);
  }

  @Test
  void anIdleTunnelStaysUpByItsPings() {
    var before = net.gatewayEnd.lastSeen();
    await().atMost(PATIENCE).until(() -> net.gatewayEnd.lastSeen().isAfter(before.plusSeconds(5)));
    assertThat(net.gatewayEnd.isUp()).isTrue();
    assertThat(net.agentEnd.isUp()).isTrue();
  }

  private static CloseReason.Code reason(Tunnel tunnel) throws Exception {
    return tunnel.closed().toCompletableFuture().get(30, TimeUnit.SECONDS).code();
  }

  /// A TCP relay that can drop what it reads without closing.
  private static final class BlackHole {
    final AtomicBoolean swallowUp = new AtomicBoolean();
    final AtomicBoolean swallowDown = new AtomicBoolean();
    final Channel listener;

    BlackHole(Loopback net) throws Exception {
      listener = new ServerBootstrap()
          .group(net.agentLoops)
          .channel(TunnelTransport.serverSocketType())
          .childOption(ChannelOption.AUTO_READ, false)
          .childHandler(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
              var far = new Bootstrap()
                  .group(ctx.channel().eventLoop())
                  .channel(TunnelTransport.socketType())
                  .handler(new Relay(ctx.channel(), swallowDown))
                  .connect("127.0.0.1", net.gateway.port());
              ctx.pipeline().addLast(new Relay(far.channel(), swallowUp));
              far.addListener(connected -> ctx.channel().config().setAutoRead(true));
            }
          })
          .bind(new InetSocketAddress("127.0.0.1", 0))
          .sync()
          .channel();
    }

    int port() {
      return ((InetSocketAddress) listener.localAddress()).getPort();
    }
  }

  private static final class Relay extends ChannelInboundHandlerAdapter {
    private final Channel to;
    private final AtomicBoolean swallow;

    Relay(Channel to, AtomicBoolean swallow) {
      this.to = to;
      this.swallow = swallow;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (swallow.get()) {
        ReferenceCountUtil.release(msg);
      } else {
        to.writeAndFlush(msg);
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      // What swallows bytes swallows the end of the connection too.
      if (!swallow.get()) {
        to.close();
      }
    }
  }
}
