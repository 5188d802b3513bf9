package dev.buildplane.bench;

import dev.buildplane.tunnel.AgentTunnel;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.Session;
import dev.buildplane.tunnel.TunnelDestination;
import dev.buildplane.tunnel.TunnelDialer;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// Thousands of agents in one process: the product's tunnel with nothing behind it. Each dials its plane as the product's
/// agent does, and after a loss again with the product's own waits.
///
/// Arguments: folder of certificates, the gateway's port for agents, agents per plane. Then lines on the standard input,
/// each answered by one line on the standard output:
///
/// | line | does | answer |
/// |---|---|---|
/// | `dial FROM TO AHEAD` | dials agents FROM to TO-1, so many at a time | seconds until all are up |
/// | `sample AGENT` | dials one | the monotonic time in nanoseconds at which it was up |
/// | `drop` | closes every connection at once and lets them dial again | seconds until all are back |
/// | `losses` | | connections lost so far that nobody asked to drop |
final class AgentSwarm {
  /// A busy gateway may take its time in a storm; the product's agents give up sooner and come again.
  private static final Duration DIAL_DEADLINE = TunnelDialer.DEFAULT_DEADLINE;

  private static final int LOOPS = 2;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(LOOPS, "swarm");
  private final TunnelDialer dialer =
      new TunnelDialer(loops, TunnelSettings.defaults(), DIAL_DEADLINE);
  private final SslContext tls;
  private final URI gateway;
  private final int perPlane;
  private final ChannelHandler refuse = new Refuse();
  private final Map<Integer, AgentTunnel> up = new ConcurrentHashMap<>();
  private final AtomicInteger losses = new AtomicInteger();
  private volatile boolean dropping;

  private AgentSwarm(Certificates certificates, int port, int perPlane) throws Exception {
    var identity = certificates.identity("agent");
    this.tls = SslContextBuilder.forClient()
        .keyManager(identity.key(), identity.chain())
        .trustManager(certificates.trust("server-ca").certificates())
        .protocols("TLSv1.3")
        .build();
    this.gateway = URI.create("wss://127.0.0.1:" + port + "/ws");
    this.perPlane = perPlane;
  }

  static String planeOf(int agent, int perPlane) {
    return "plane-%05d".formatted(agent / perPlane);
  }

  public static void main(String[] arguments) throws Exception {
    var swarm = new AgentSwarm(
        new Certificates(Path.of(arguments[0])),
        Integer.parseInt(arguments[1]),
        Integer.parseInt(arguments[2]));
    var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (var line = commands.readLine(); line != null; line = commands.readLine()) {
      System.out.println(swarm.run(line.split(" ")));
      System.out.flush();
    }
    System.exit(0);
  }

  private String run(String[] words) throws Exception {
    return switch (words[0]) {
      case "dial" ->
        Double.toString(dial(
            Integer.parseInt(words[1]), Integer.parseInt(words[2]), Integer.parseInt(words[3])));
      case "sample" -> Long.toString(sample(Integer.parseInt(words[1])));
      case "drop" -> Double.toString(drop());
      case "losses" -> Integer.toString(losses.get());
      default -> throw new IllegalArgumentException("no command " + words[0]);
    };
  }

  private double dial(int from, int to, int ahead) throws InterruptedException {
    var begun = System.nanoTime();
    var window = new Semaphore(ahead);
    for (var agent = from; agent < to; agent++) {
      window.acquire();
      connect(agent, 0, window::release);
    }
    window.acquire(ahead);
    return (System.nanoTime() - begun) / 1e9;
  }

  private long sample(int agent) throws InterruptedException {
    var at = new long[1];
    var done = new CountDownLatch(1);
    connect(agent, 0, () -> {
      at[0] = System.nanoTime();
      done.countDown();
    });
    done.await();
    return at[0];
  }

  private double drop() throws InterruptedException {
    var all = Map.copyOf(up);
    var back = new CountDownLatch(all.size());
    var begun = System.nanoTime();
    dropping = true;
    all.forEach((agent, tunnel) -> {
      tunnel.closed().thenRun(() -> again(agent, 0, back::countDown));
      tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "dropped"));
    });
    back.await();
    dropping = false;
    return (System.nanoTime() - begun) / 1e9;
  }

  private void connect(int agent, int failures, Runnable whenUp) {
    var plane = new TunnelDestination(gateway, "buildplane", planeOf(agent, perPlane));
    dialer
        .dial(plane, tls, Map.of("hostname", "agent-" + agent, "version", "bench"), refuse)
        .whenComplete((tunnel, failure) -> {
          if (failure != null) {
            again(agent, failures + 1, whenUp);
            return;
          }
          up.put(agent, tunnel);
          tunnel.closed().thenRun(() -> lost(agent, tunnel));
          whenUp.run();
        });
  }

  private void lost(int agent, AgentTunnel tunnel) {
    up.remove(agent, tunnel);
    if (!dropping) {
      losses.incrementAndGet();
      again(agent, 0, () -> {});
    }
  }

  private void again(int agent, int failures, Runnable whenUp) {
    var wait = Session.delay(failures, false, ThreadLocalRandom.current());
    loops
        .next()
        .schedule(() -> connect(agent, failures, whenUp), wait.toMillis(), TimeUnit.MILLISECONDS);
  }

  /// These agents have no target.
  @ChannelHandler.Sharable
  private static final class Refuse extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      stream.pipeline().addLast(new ChannelInboundHandlerAdapter());
      stream.close();
    }
  }
}
