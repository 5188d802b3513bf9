package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

/// One request through a tunnel, as a test sees it.
final class Call extends ChannelInboundHandlerAdapter {
  static final int KEEP_BYTES = 64 << 10;

  final CompletableFuture<HttpResponse> head = new CompletableFuture<>();
  final CompletableFuture<HttpHeaders> end = new CompletableFuture<>();
  final CompletableFuture<Throwable> failure = new CompletableFuture<>();
  final CompletableFuture<Void> inactive = new CompletableFuture<>();
  final List<Integer> interim = new CopyOnWriteArrayList<>();
  final ByteBuf kept = Unpooled.buffer();
  private final CRC32C crc = new CRC32C();
  volatile long received;
  volatile boolean rawEnded;
  private volatile Pattern upload;
  private final AtomicLong uploaded = new AtomicLong();
  Channel channel;

  static HttpRequest get(String path) {
    var request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path);
    request.headers().set("host", "k8s");
    return request;
  }

  static HttpRequest post(String path) {
    var request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, path);
    request.headers().set("host", "k8s").set("transfer-encoding", "chunked");
    return request;
  }

  static HttpRequest upgrade(String path, String protocol) {
    var request = get(path);
    request.headers().set("connection", "keep-alive, Upgrade").set("upgrade", protocol);
    return request;
  }

  static Call send(GatewayTunnel tunnel, HttpRequest request) throws Exception {
    return new Call().begin(tunnel, request);
  }

  static Call stalled(GatewayTunnel tunnel, HttpRequest request) throws Exception {
    var call = unsent(tunnel);
    call.channel.writeAndFlush(request);
    return call;
  }

  /// A stream that is not read and on which nothing was sent yet.
  static Call unsent(GatewayTunnel tunnel) throws Exception {
    var call = new Call();
    call.open(tunnel);
    call.channel.config().setAutoRead(false);
    return call;
  }

  private void open(GatewayTunnel tunnel) throws Exception {
    channel = tunnel.openStream(this).get(30, TimeUnit.SECONDS);
  }

  Call begin(GatewayTunnel tunnel, HttpRequest request) throws Exception {
    open(tunnel);
    channel.writeAndFlush(request);
    return this;
  }

  /// Sends a long body, checking at the end that the writes kept pace.
  Call upload(long bytes) {
    channel.eventLoop().execute(() -> {
      upload = new Pattern(bytes);
      pumpUpload();
    });
    return this;
  }

  private void pumpUpload() {
    upload.pump(
        channel,
        bytes -> {
          uploaded.addAndGet(bytes.readableBytes());
          return new DefaultHttpContent(bytes);
        },
        LastHttpContent.EMPTY_LAST_CONTENT);
  }

  /// How much of a long body was written.
  long uploaded() {
    return uploaded.get();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (upload != null) {
      pumpUpload();
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    switch (msg) {
      case FullHttpResponse informational -> interim.add(informational.status().code());
      case HttpResponse response -> head.complete(response);
      case HttpContent content -> take(content.content());
      case ByteBuf bytes -> take(bytes);
      default -> throw new AssertionError(msg);
    }
    if (msg instanceof LastHttpContent last && !(msg instanceof HttpResponse)) {
      end.complete(last.trailingHeaders());
    }
    ReferenceCountUtil.release(msg);
  }

  private void take(ByteBuf bytes) {
    Pattern.update(crc, bytes);
    synchronized (kept) {
      if (kept.readableBytes() < KEEP_BYTES) {
        kept.writeBytes(bytes, bytes.readerIndex(), bytes.readableBytes());
      }
    }
    received += bytes.readableBytes();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event == StreamEnd.INSTANCE) {
      rawEnded = true;
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    failure.complete(cause);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    inactive.complete(null);
  }

  int status() throws Exception {
    return response().status().code();
  }

  HttpResponse response() throws Exception {
    return head.get(30, TimeUnit.SECONDS);
  }

  String text() throws Exception {
    end.get(30, TimeUnit.SECONDS);
    synchronized (kept) {
      return kept.toString(UTF_8);
    }
  }

  long crcAtEnd() throws Exception {
    end.get(60, TimeUnit.SECONDS);
    return crc.getValue();
  }

  TunnelException failed() throws Exception {
    return (TunnelException) failure.get(30, TimeUnit.SECONDS);
  }
}
