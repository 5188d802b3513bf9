package dev.buildplane.http;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.DecoratingHttp2FrameWriter;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameWriter;
import io.netty.handler.codec.http2.Http2Settings;
import java.util.LinkedHashSet;
import java.util.Set;
import org.slf4j.LoggerFactory;

/// The HTTP/2 codec of a caller's connection. It counts the resets that the caller makes us send (CVE-2025-8671) where all of them
/// pass, those for streams that have ended already among them, which Netty's own count leaves out. Event loop only.
final class CallerCodec extends Http2FrameCodec {
  private static final LogBudget CUT = new LogBudget(LoggerFactory.getLogger(CallerCodec.class));

  private final HttpLimits limits;
  private final Http2FrameWriter writer;

  /// The streams we have reset last.
  private final Set<Integer> resetStreams = new LinkedHashSet<>();

  private long windowBeganNanos;
  private int provoked;
  private boolean cut;

  private CallerCodec(
      Http2ConnectionEncoder encoder,
      Http2ConnectionDecoder decoder,
      Http2Settings settings,
      boolean decoupleCloseAndGoAway,
      boolean flushPreface,
      HttpLimits limits) {
    super(encoder, decoder, settings, decoupleCloseAndGoAway, flushPreface);
    this.limits = limits;
    this.writer = new CountingWriter(encoder.frameWriter());
  }

  /// @param takesConnect whether extended CONNECT (RFC 8441) is offered
  static Http2FrameCodec create(HttpLimits limits, boolean takesConnect) {
    return new Builder(limits, takesConnect).build();
  }

  @Override
  protected Http2FrameWriter frameWriter() {
    return writer;
  }

  /// Cuts the connection once more than [HttpLimits#resetsPerWindow] have been provoked within [HttpLimits#resetWindow].
  private void count(ChannelHandlerContext ctx) {
    long now = ctx.executor().ticker().nanoTime();
    if (provoked == 0 || now - windowBeganNanos > limits.resetWindow().toNanos()) {
      windowBeganNanos = now;
      provoked = 0;
    }
    if (++provoked > limits.resetsPerWindow() && !cut) {
      cut = true;
      CUT.info(
          "HTTP/2 connection of {} cut: it provoked too many resets",
          ctx.channel().remoteAddress());
      onError(
          ctx,
          true,
          Http2Exception.connectionError(
              Http2Error.ENHANCE_YOUR_CALM, "too many errors that reset a stream"));
    }
  }

  /// An answer that is complete before the request, one that nobody takes and one that we cannot finish are no fault of the caller.
  private static boolean isCallersFault(long code) {
    return code != Http2Error.NO_ERROR.code()
        && code != Http2Error.CANCEL.code()
        && code != Http2Error.INTERNAL_ERROR.code();
  }

  private void remember(int stream) {
    if (resetStreams.add(stream) && resetStreams.size() > HttpLimits.RESET_STREAMS_REMEMBERED) {
      resetStreams.remove(resetStreams.iterator().next());
    }
  }

  private final class CountingWriter extends DecoratingHttp2FrameWriter {
    CountingWriter(Http2FrameWriter delegate) {
      super(delegate);
    }

    @Override
    public ChannelFuture writeRstStream(
        ChannelHandlerContext ctx, int stream, long code, ChannelPromise promise) {
      if (code == Http2Error.STREAM_CLOSED.code() && resetStreams.contains(stream)) {
        // The caller had sent it before it saw our reset: to be ignored (RFC 9113 section 5.1).
        return promise.setSuccess();
      }
      remember(stream);
      var written = super.writeRstStream(ctx, stream, code, promise);
      if (isCallersFault(code)) {
        count(ctx);
      }
      return written;
    }
  }

  private static final class Builder extends Http2CodecBuilder {
    private static final int NOT_COUNTED = 0;

    private final HttpLimits limits;

    Builder(HttpLimits limits, boolean takesConnect) {
      super(true);
      this.limits = limits;
      var settings = Http2Settings.defaultSettings()
          .maxConcurrentStreams(limits.streamsPerConnection())
          .initialWindowSize(limits.streamWindowBytes())
          .maxHeaderListSize(limits.headerBytes());
      initialSettings(takesConnect ? settings.connectProtocolEnabled(true) : settings);
      decoderEnforceMaxRstFramesPerWindow(
          limits.resetsPerWindow(), Math.toIntExact(limits.resetWindow().toSeconds()));
      // Netty's count takes our own failures for the caller's.
      encoderEnforceMaxRstFramesPerWindow(NOT_COUNTED, NOT_COUNTED);
      gracefulShutdownTimeoutMillis(limits.drain().toMillis());
    }

    @Override
    protected Http2FrameCodec build(
        Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
      return new CallerCodec(
          encoder, decoder, settings, decoupleCloseAndGoAway(), flushPreface(), limits);
    }
  }
}
