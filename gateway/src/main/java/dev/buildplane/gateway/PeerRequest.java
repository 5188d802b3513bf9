package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// One small request of this replica to another, its answer kept in memory.
final class PeerRequest extends ChannelInboundHandlerAdapter {
  /// Of an answer; one that is larger fails.
  static final int MAX_ANSWER_BYTES = 64 << 20;

  /// The line that ends the snapshot of a feed.
  private static final byte[] SYNCED = "\"type\":\"SYNCED\"".getBytes(UTF_8);

  private final boolean untilSynced;
  private final CompletableFuture<String> answer = new CompletableFuture<>();
  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private int status;
  private int matched;

  private PeerRequest(boolean untilSynced) {
    this.untilSynced = untilSynced;
  }

  /// The lines of a peer's feed up to the end of its snapshot. Fails with an [IOException].
  static CompletableFuture<String> snapshot(PeerPool pool) {
    return send(pool, HttpMethod.GET, PlaneApi.WATCH, Optional.empty(), true);
  }

  /// The answer to a request that this replica passes on for its caller. Fails with an [IOException].
  static CompletableFuture<String> post(PeerPool pool, String path, Forwarding forwarding) {
    return send(pool, HttpMethod.POST, path, Optional.of(forwarding), false);
  }

  private static CompletableFuture<String> send(
      PeerPool pool,
      HttpMethod method,
      String path,
      Optional<Forwarding> forwarding,
      boolean untilSynced) {
    var pending = new PeerRequest(untilSynced);
    var request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, method, path);
    request.headers().set("host", pool.address().authority());
    forwarding.ifPresent(words -> words.addTo(request.headers()));
    pool.openStream(pending).addListener((Future<Channel> opened) -> {
      if (opened.isSuccess()) {
        opened.getNow().writeAndFlush(request);
        // Given up on, or complete: a feed would go on for ever.
        pending.answer.whenComplete((_, _) -> opened.getNow().close());
      } else {
        request.release();
        pending.answer.completeExceptionally(opened.cause());
      }
    });
    return pending.answer;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    try {
      if (msg instanceof HttpResponse response) {
        status = response.status().code();
      }
      if (msg instanceof HttpContent content) {
        take(content);
      }
      if (msg instanceof LastHttpContent) {
        complete();
      }
    } finally {
      ReferenceCountUtil.release(msg);
    }
  }

  private void take(HttpContent content) {
    var piece = new byte[content.content().readableBytes()];
    content.content().readBytes(piece);
    if (body.size() + piece.length > MAX_ANSWER_BYTES) {
      answer.completeExceptionally(
          new IOException("expected an answer of at most " + MAX_ANSWER_BYTES + " bytes"));
      return;
    }
    body.writeBytes(piece);
    if (untilSynced && sawSynced(piece)) {
      complete();
    }
  }

  /// Goes on where the piece before ended; the line counts when it is whole.
  private boolean sawSynced(byte[] piece) {
    for (byte next : piece) {
      if (next == '\n') {
        if (matched == SYNCED.length) {
          return true;
        }
        matched = 0;
      } else if (matched < SYNCED.length) {
        matched = next == SYNCED[matched] ? matched + 1 : next == SYNCED[0] ? 1 : 0;
      }
    }
    return false;
  }

  private void complete() {
    if (status == 200) {
      answer.complete(body.toString(UTF_8));
    } else {
      answer.completeExceptionally(new IOException("the peer answered " + status));
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    answer.completeExceptionally(new IOException("the peer's answer broke off"));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    answer.completeExceptionally(cause);
    ctx.close();
  }
}
