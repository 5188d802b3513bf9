package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

/// What an agent would reach: answers by path, on the agent's stream channels.
@ChannelHandler.Sharable
final class TestTarget extends ChannelInitializer<Channel> {
  volatile Channel last;
  final AtomicInteger open = new AtomicInteger();
  final AtomicLong sent = new AtomicLong();
  final AtomicLong read = new AtomicLong();
  final BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
  final BlockingQueue<HttpRequest> requests = new LinkedBlockingQueue<>();
  final BlockingQueue<Channel> held = new LinkedBlockingQueue<>();

  @Override
  protected void initChannel(Channel stream) {
    last = stream;
    stream.pipeline().addLast(new Stream());
  }

  private final class Stream extends ChannelInboundHandlerAdapter {
    private String path = "";
    private final CRC32C crc = new CRC32C();
    private long received;
    private Pattern body;
    private boolean raw;

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      open.incrementAndGet();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      open.decrementAndGet();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      try {
        switch (msg) {
          case HttpRequest request -> begin(ctx, request);
          case HttpContent content -> more(ctx, content);
          case ByteBuf bytes -> ctx.writeAndFlush(bytes.retain());
          default -> throw new AssertionError(msg);
        }
      } finally {
        ReferenceCountUtil.release(msg);
      }
    }

    private void begin(ChannelHandlerContext ctx, HttpRequest request) {
      path = request.uri();
      requests.add(request);
      if (path.startsWith("/bytes/")) {
        ctx.write(head(200));
        body = new Pattern(Long.parseLong(path.substring(7)));
        pump(ctx);
      } else if (path.equals("/upgrade")) {
        raw = true;
        var switching = head(101);
        switching
            .headers()
            .set("connection", "Upgrade")
            .set("upgrade", request.headers().get("upgrade"));
        switching.headers().set("sec-websocket-accept", "made-by-the-target");
        ctx.writeAndFlush(switching);
      } else if (path.equals("/refuse")) {
        ctx.write(head(403));
        ctx.write(text("no shell for you"));
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
      } else if (path.startsWith("/unread/")) {
        ctx.channel().config().setAutoRead(false);
        held.add(ctx.channel());
        if (path.equals("/unread/break")) {
          ctx.writeAndFlush(head(200));
        }
      } else if (path.equals("/echo")) {
        ctx.writeAndFlush(head(200));
      } else if (path.equals("/break")) {
        ctx.write(head(200));
        ctx.writeAndFlush(text("half of it"));
        ctx.writeAndFlush(StreamAbort.INSTANCE);
      } else if (path.equals("/trailers")) {
        ctx.write(
            new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(103)));
        ctx.write(head(200));
        ctx.write(text("body"));
        var last = new DefaultLastHttpContent();
        last.trailingHeaders().set("x-checksum", "42");
        ctx.writeAndFlush(last);
      }
    }

    private void more(ChannelHandlerContext ctx, HttpContent content) {
      received += content.content().readableBytes();
      read.addAndGet(content.content().readableBytes());
      boolean last = content instanceof LastHttpContent;
      if (path.equals("/echo")) {
        ctx.writeAndFlush(content.retain());
      } else if (path.equals("/sink")) {
        Pattern.update(crc, content.content());
        if (last) {
          answer(ctx, received + " " + crc.getValue());
        }
      } else if (path.startsWith("/hello") && last) {
        answer(ctx, "hello");
      }
    }

    private void answer(ChannelHandlerContext ctx, String text) {
      var response = new DefaultFullHttpResponse(
          HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.copiedBuffer(text, UTF_8));
      response.headers().set("content-length", response.content().readableBytes());
      ctx.writeAndFlush(response);
    }

    private static DefaultHttpResponse head(int status) {
      return new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    }

    private static HttpContent text(String text) {
      return new DefaultHttpContent(Unpooled.copiedBuffer(text, UTF_8));
    }

    private void pump(ChannelHandlerContext ctx) {
      body.pump(
          ctx.channel(),
          bytes -> {
            sent.addAndGet(bytes.readableBytes());
            return new DefaultHttpContent(bytes);
          },
          LastHttpContent.EMPTY_LAST_CONTENT);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (body != null) {
        pump(ctx);
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event == StreamEnd.INSTANCE && raw) {
        ctx.writeAndFlush(StreamEnd.INSTANCE);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      failures.add(cause);
      ctx.close();
    }
  }
}
