package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2LocalFlowController;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2EventAdapter;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Settings;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// HTTP/2: any number of requests at a time, up to what the peer allows.
final class Http2Link extends Http2ConnectionHandler implements Link {
  private static final int STREAM_WINDOW_BYTES = 4 << 20;
  private static final float WINDOW_UPDATE_RATIO = 0.5f;

  private final String authority;
  private final Map<Integer, Answer> answers;
  private final CompletableFuture<Link> ready = new CompletableFuture<>();
  private @Nullable ChannelHandlerContext context;
  private int nextStream = 1;

  private Http2Link(
      Http2ConnectionDecoder decoder,
      Http2ConnectionEncoder encoder,
      Http2Settings settings,
      String authority,
      Map<Integer, Answer> answers) {
    super(decoder, encoder, settings);
    this.authority = authority;
    this.answers = answers;
  }

  static Http2Link create(String authority) {
    return new Builder(authority).build();
  }

  /// Completes when the peer's SETTINGS have come.
  CompletableFuture<Link> ready() {
    return ready;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
    context = ctx;
    super.handlerAdded(ctx);
  }

  @Override
  public Channel channel() {
    return requireNonNull(context).channel();
  }

  @Override
  public void start(Request request, Answer answer) {
    var ctx = requireNonNull(context);
    var headers = new DefaultHttp2Headers(false)
        .method(request.method())
        .scheme("https")
        .authority(authority)
        .path(request.path());
    request.headers().forEach(headers::add);
    var stream = nextStream;
    nextStream += 2;
    answers.put(stream, answer);
    encoder().writeHeaders(ctx, stream, headers, 0, request.bodyBytes() == 0, ctx.newPromise());
    flush(ctx);
    Uploader.start(request, (block, last) -> {
      var written = encoder().writeData(ctx, stream, block, 0, last, ctx.newPromise());
      // Ours, not the context's, which passes this handler by: a block left with the flow control would wait for a frame
      // from the peer, who waits for the block.
      flush(ctx);
      return written;
    });
  }

  @Override
  public void cancel() {
    var ctx = requireNonNull(context);
    var stream = nextStream - 2;
    answers.remove(stream);
    encoder().writeRstStream(ctx, stream, Http2Error.CANCEL.code(), ctx.newPromise());
    flush(ctx);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) throws Exception {
    super.channelInactive(ctx);
    ready.completeExceptionally(new ClosedChannelException());
    var open = List.copyOf(answers.values());
    answers.clear();
    open.forEach(answer -> answer.failed(new ClosedChannelException()));
  }

  /// Hands frames to the answers they belong to.
  private static final class Frames extends Http2EventAdapter {
    private final Map<Integer, Answer> answers;
    private @Nullable Http2Link link;

    Frames(Map<Integer, Answer> answers) {
      this.answers = answers;
    }

    @Override
    public void onSettingsRead(ChannelHandlerContext ctx, Http2Settings settings) {
      var owner = requireNonNull(link);
      owner.ready.complete(owner);
    }

    @Override
    public void onHeadersRead(
        ChannelHandlerContext ctx, int stream, Http2Headers headers, int padding, boolean end) {
      var answer = answers.get(stream);
      if (answer != null && headers.status() != null) {
        answer.head(Integer.parseInt(headers.status().toString()));
      }
      finish(stream, end);
    }

    @Override
    public void onHeadersRead(
        ChannelHandlerContext ctx,
        int stream,
        Http2Headers headers,
        int dependency,
        short weight,
        boolean exclusive,
        int padding,
        boolean end) {
      onHeadersRead(ctx, stream, headers, padding, end);
    }

    @Override
    public int onDataRead(
        ChannelHandlerContext ctx, int stream, ByteBuf data, int padding, boolean end) {
      var bytes = data.readableBytes() + padding;
      var answer = answers.get(stream);
      if (answer != null && data.isReadable()) {
        answer.body(data);
      }
      finish(stream, end);
      return bytes;
    }

    private void finish(int stream, boolean end) {
      var answer = end ? answers.remove(stream) : null;
      if (answer != null) {
        answer.end();
      }
    }

    @Override
    public void onRstStreamRead(ChannelHandlerContext ctx, int stream, long code) {
      var answer = answers.remove(stream);
      if (answer != null) {
        answer.failed(new IOException("stream reset with code " + code));
      }
    }
  }

  private static final class Builder
      extends AbstractHttp2ConnectionHandlerBuilder<Http2Link, Builder> {
    private final Map<Integer, Answer> answers = new HashMap<>();
    private final Frames frames = new Frames(answers);
    private final String authority;

    Builder(String authority) {
      this.authority = authority;
      server(false);
      frameListener(frames);
      initialSettings(Http2Settings.defaultSettings()
          .pushEnabled(false)
          .initialWindowSize(STREAM_WINDOW_BYTES));
    }

    @Override
    protected Http2Link build() {
      return super.build();
    }

    @Override
    protected Http2Link build(
        Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
      var connection = encoder.connection();
      connection
          .local()
          .flowController(new DefaultHttp2LocalFlowController(connection, WINDOW_UPDATE_RATIO, true)
              .frameWriter(encoder.frameWriter()));
      var link = new Http2Link(decoder, encoder, settings, authority, answers);
      frames.link = link;
      return link;
    }
  }
}
