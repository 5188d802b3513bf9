package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the feed of one replica into [RemoteConnections], for as long as it is open: a connection of its own with one
/// stream, dialled again when it ends, at once and then with full jitter under 0.5 s doubling to 5 s.
///
/// A replica that refuses the connection, resets it or answers anything but a feed is forgotten at once, one that is silent
/// when its lease ends. All state lives on one event loop.
final class PeerFollower {
  static final Duration FIRST_WAIT = Duration.ofMillis(500);
  static final Duration LAST_WAIT = Duration.ofSeconds(5);

  /// One line; a list of thousands of resources fits.
  static final int MAX_LINE_BYTES = 1 << 20;

  private static final Logger log = LoggerFactory.getLogger(PeerFollower.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final PeerAddress address;
  private final String own;
  private final PeerDialer dialer;
  private final PeerPool pool;
  private final RemoteConnections remote;
  private final MeshSettings settings;
  private final EventLoop loop;
  private final RandomGenerator random;
  private @Nullable PeerConnection connection;
  private @Nullable Lines stream;
  private String replica = "";
  private String problem = "";
  private int failures;
  private boolean closed;

  /// @param own identifier of this replica, which does not follow itself
  /// @param pool for the requests that go to that replica; closed with this
  PeerFollower(
      PeerAddress address,
      String own,
      PeerDialer dialer,
      PeerPool pool,
      RemoteConnections remote,
      MeshSettings settings,
      EventLoop loop,
      RandomGenerator random) {
    this.address = address;
    this.own = own;
    this.dialer = dialer;
    this.pool = pool;
    this.remote = remote;
    this.settings = settings;
    this.loop = loop;
    this.random = random;
  }

  void start() {
    loop.execute(this::dial);
  }

  /// Stops following and forgets what it told.
  void close() {
    loop.execute(() -> {
      closed = true;
      forget();
      disconnect();
      pool.close();
    });
  }

  private void dial() {
    if (closed) {
      return;
    }
    dialer.connect(address, loop).addListener((Future<PeerConnection> dialled) -> {
      if (!dialled.isSuccess()) {
        ended(dialled.cause().toString(), !isTimeout(dialled.cause()));
      } else if (closed) {
        dialled.getNow().close();
      } else {
        follow(dialled.getNow());
      }
    });
  }

  private static boolean isTimeout(Throwable cause) {
    return cause instanceof ConnectTimeoutException
        || cause instanceof SslHandshakeTimeoutException;
  }

  private void follow(PeerConnection opened) {
    connection = opened;
    var lines = new Lines();
    stream = lines;
    opened.openStream(lines).addListener((Future<Channel> stream) -> {
      if (!stream.isSuccess()) {
        lines.over("no stream: " + stream.cause(), true);
        return;
      }
      var request =
          new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, PlaneApi.WATCH);
      request.headers().set("host", address.authority());
      stream.getNow().writeAndFlush(request);
      lines.awaitSilence();
    });
  }

  /// The stream, or the attempt at one, is over.
  private void ended(String why, boolean gone) {
    disconnect();
    if (closed) {
      return;
    }
    if (gone) {
      forget();
    }
    if (!why.equals(problem)) {
      log.info("peer at {}: {}", address, why);
    }
    problem = why;
    long cap = Math.min(
        LAST_WAIT.toNanos(), FIRST_WAIT.toNanos() << Math.min(Math.max(0, failures - 1), 10));
    long wait = failures == 0 ? 0 : random.nextLong(cap + 1);
    failures++;
    loop.schedule(this::dial, wait, NANOSECONDS);
  }

  private void disconnect() {
    stream = null;
    if (connection != null) {
      connection.close();
      connection = null;
    }
  }

  private void forget() {
    if (!replica.isEmpty()) {
      remote.drop(replica);
      replica = "";
    }
  }

  /// One stream: cuts it into lines and takes them in. A new stream begins with a snapshot, which counts when it is complete.
  private final class Lines extends ChannelInboundHandlerAdapter {
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final List<RemoteConnections.Entry> snapshot = new ArrayList<>();
    private String teller = "";
    private boolean synced;
    private long heardNanos = System.nanoTime();

    void awaitSilence() {
      long left = settings.lease().toNanos() - (System.nanoTime() - heardNanos);
      if (stream != this) {
        return;
      }
      if (left < 0) {
        over("nothing heard for " + settings.lease().toMillis() + " ms", true);
      } else {
        loop.schedule(this::awaitSilence, left + 1, NANOSECONDS);
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      try {
        if (stream != this) {
          return;
        }
        switch (msg) {
          case HttpResponse response -> head(response);
          case HttpContent content -> bytes(content.content());
          default -> {
            // frames without a meaning here
          }
        }
        if (msg instanceof LastHttpContent) {
          over("the peer ended its feed", false);
        }
      } catch (IllegalArgumentException | JsonProcessingException e) {
        over("expected lines of the plane feed: " + e.getMessage(), true);
      } finally {
        ReferenceCountUtil.release(msg);
      }
    }

    private void head(HttpResponse response) {
      teller = response.headers().get(Forwarding.REPLICA, "");
      if (!response.status().equals(HttpResponseStatus.OK) || teller.isEmpty()) {
        over(
            "expected a feed of plane events, found status " + response.status().code()
                + "; see that this gateway's certificate is in group " + Forwarding.PEER_GROUP
                + " and may watch agentconnections",
            true);
      } else if (teller.equals(own)) {
        log.info("{} is this replica itself", address);
        closed = true;
        disconnect();
        pool.close();
      }
    }

    private void bytes(ByteBuf content) throws JsonProcessingException {
      while (content.isReadable() && stream == this) {
        int length = content.bytesBefore((byte) '\n');
        var piece = ByteBufUtil.getBytes(
            content, content.readerIndex(), length < 0 ? content.readableBytes() : length);
        if (line.size() + piece.length > MAX_LINE_BYTES) {
          throw new IllegalArgumentException("a line has more than " + MAX_LINE_BYTES + " bytes");
        }
        line.writeBytes(piece);
        content.skipBytes(length < 0 ? piece.length : length + 1);
        if (length >= 0) {
          var text = line.toString(UTF_8);
          line.reset();
          take(JSON.readTree(text));
        }
      }
    }

    private void take(JsonNode event) {
      long now = System.nanoTime();
      boolean late = now - heardNanos > settings.lease().toNanos();
      heardNanos = now;
      // What waited in the socket while this process was stopped is old news: only a fresh snapshot will do.
      if (late || (synced && !remote.heard(teller))) {
        over("its lease had run out while lines were waiting", true);
        return;
      }
      switch (event.path("type").asText()) {
        case "CONNECTION" -> RemoteConnections.entry(event).ifPresent(this::connection);
        case "DISCONNECTED" -> gone(RemoteConnections.text(event, "connectionID"));
        case "HEARTBEAT" ->
          remote.seen(
              teller, RemoteConnections.text(event, "connectionID"), RemoteConnections.time(event));
        case "SYNCED" -> synced();
        default -> {
          // PING, REJECTED, and what later versions may say
        }
      }
    }

    private void connection(RemoteConnections.Entry entry) {
      if (synced) {
        remote.connected(teller, entry);
      } else if (snapshot.size() < RemoteConnections.MAX_PER_PEER) {
        snapshot.add(entry);
      } else {
        throw new IllegalArgumentException(
            "more than " + RemoteConnections.MAX_PER_PEER + " connections");
      }
    }

    private void gone(String id) {
      if (synced) {
        remote.disconnected(teller, id);
      } else {
        snapshot.removeIf(entry -> entry.id().equals(id));
      }
    }

    private void synced() {
      if (!replica.equals(teller)) {
        forget(); // another process than before at this address
      }
      replica = teller;
      remote.replace(replica, pool, snapshot);
      snapshot.clear();
      synced = true;
      failures = 0;
      problem = "";
      log.info("following replica {} at {}", replica, address);
    }

    void over(String why, boolean gone) {
      if (stream == this) {
        ended(why, gone);
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      over("the connection ended", false);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      over(cause.toString(), false);
    }
  }
}
