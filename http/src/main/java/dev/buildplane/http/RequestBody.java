package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The body of one request: handed to its reader a piece at a time, as that asks for it, and dropped where nobody wants it. Its end and its
/// failure wait for the reader. Belongs to the exchange's event loop.
final class RequestBody {
  private final NettyExchange exchange;
  private final ExchangeHandler owner;
  private final HttpRequest request;
  private AsyncExchange.@Nullable BodyReader reader;
  private @Nullable Headers end;
  private @Nullable HttpProblem problem;
  private boolean demanded;
  private boolean handedOut;
  private boolean endDelivered;
  private boolean continueExpected;
  private boolean raw;
  private long maxBytes = Long.MAX_VALUE;
  private long receivedBytes;
  private long discardedBytes;

  RequestBody(NettyExchange exchange, ExchangeHandler owner, HttpRequest request) {
    this.exchange = exchange;
    this.owner = owner;
    this.request = request;
  }

  static HttpProblem tooLarge(long maxBytes, long found) {
    return new HttpProblem(
        413, "request body: expected at most " + maxBytes + " bytes, found " + found + " or more");
  }

  boolean ended() {
    return end != null;
  }

  boolean demanded() {
    return demanded;
  }

  /// Whether the caller still waits for leave to send its body.
  boolean continueUnsent() {
    return continueExpected;
  }

  /// Whether it is known already that there is no body.
  boolean absent() {
    if (problem != null) {
      return false; // a body found malformed has ended, but is none: whoever reads it is told
    }
    // Over HTTP/2 a request without a body came whole.
    return end != null
        || (!owner.http2()
            && !HttpUtil.isTransferEncodingChunked(request)
            && HttpUtil.getContentLength(request, 0L) == 0L);
  }

  /// The most the reader may get; more is a failure.
  void bound(long bytes) {
    maxBytes = bytes;
  }

  /// The request asks for leave to send its body.
  void expectContinue() {
    continueExpected = end == null;
  }

  /// The decoder has given up on the connection: nothing will follow.
  void neverComes() {
    end = Headers.EMPTY;
  }

  /// From now on what comes is bytes of another protocol, without a bound, and ends once more.
  void becomeRaw() {
    raw = true;
  }

  void receive(AsyncExchange.BodyReader bodyReader) {
    reader = bodyReader;
    deliverEnd();
    deliverFailure();
  }

  /// Notes that the reader wants one piece more; tells whether that is news.
  boolean demand() {
    if (demanded || (end != null && !raw)) {
      return false;
    }
    demanded = true;
    return true;
  }

  /// Gives a caller that waits for it leave to send.
  void sendContinue() {
    if (continueExpected) {
      continueExpected = false;
      owner
          .context()
          .writeAndFlush(new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    }
  }

  /// Takes one message of the body and releases it.
  void take(Object message) {
    if (message instanceof ByteBuf bytes) {
      demanded = false;
      handOut(bytes);
      return;
    }
    if (!(message instanceof HttpContent content)) {
      ReferenceCountUtil.release(message);
      return;
    }
    var trailers = content instanceof LastHttpContent last ? last.trailingHeaders() : null;
    if (content.decoderResult().isFailure()) {
      content.release();
      exchange.endConnection();
      end = Headers.EMPTY;
      fail(new HttpProblem(
          400, "malformed request body: " + content.decoderResult().cause()));
      return;
    }
    if (content.content().isReadable()) {
      demanded = false;
      handOut(content.content());
    } else {
      content.release();
    }
    if (trailers != null) {
      end(trailers);
    }
  }

  private void handOut(ByteBuf piece) {
    receivedBytes += piece.readableBytes();
    if (exchange.dropsBody() || problem != null || reader == null) {
      discardedBytes += piece.readableBytes();
      piece.release();
      if (discardedBytes > owner.core().limits().discardBytes()) {
        owner.context().close();
      }
      return;
    }
    if (!raw && receivedBytes > maxBytes) {
      piece.release();
      fail(tooLarge(maxBytes, receivedBytes));
      return;
    }
    handedOut = true;
    reader.onContent(piece);
  }

  /// Nothing more is at hand now.
  void pause() {
    if (handedOut && reader != null) {
      handedOut = false;
      reader.onPause();
    }
  }

  private void end(HttpHeaders trailers) {
    handedOut = false; // an end says as much as a pause
    if (raw) {
      // The caller's direction has ended; the other goes on.
      if (reader != null && !exchange.closed()) {
        reader.onEnd(Headers.EMPTY);
      }
      return;
    }
    var fields = new ArrayList<Headers.Field>();
    for (Map.Entry<String, String> entry : trailers) {
      fields.add(new Headers.Field(entry.getKey(), entry.getValue()));
    }
    end = new Headers(fields);
    demanded = false;
    deliverEnd();
    exchange.bodyEnded();
  }

  /// Fails a body that was asked for and does not come.
  void failStalled() {
    if (demanded && !raw) {
      exchange.endConnection();
      demanded = false;
      fail(new HttpProblem(408, "request body: nothing came for too long"));
    }
  }

  private void fail(HttpProblem found) {
    problem = found;
    deliverFailure();
  }

  /// A body can be found malformed before anybody reads it: the failure waits for its reader.
  private void deliverFailure() {
    if (reader != null && problem != null && !endDelivered) {
      endDelivered = true;
      reader.onFailure(problem);
    }
  }

  private void deliverEnd() {
    if (reader != null && end != null && !endDelivered && problem == null) {
      endDelivered = true;
      reader.onEnd(end);
    }
  }
}
