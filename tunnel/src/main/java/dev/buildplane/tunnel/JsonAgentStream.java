package dev.buildplane.tunnel;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.Future;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One request of a v0.17 gateway: handed to the agent's handler as HTTP objects, whose answer is gathered into one message. On the
/// connection's event loop.
///
/// Failures the agent makes itself carry an `error` with the texts of v0.17 and, as its gateway drops that, a Kubernetes `Status` as body.
final class JsonAgentStream implements StreamChannel.Carrier {
  private static final Set<HttpMethod> WITH_BODY =
      Set.of(HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH);
  private static final String MEMORY_SPENT = "the agent's memory for answers is spent";

  private final JsonAgentEnd connection;
  private final JsonRequest request;
  private final StreamShare inbound;
  private final StreamShare outbound;
  private final Base64Chunks body = new Base64Chunks();
  private @Nullable StreamChannel channel;
  private @Nullable HttpResponse head;
  private @Nullable Future<?> deadline;
  private boolean answered;

  JsonAgentStream(JsonAgentEnd connection, JsonRequest request, StreamShare held) {
    this.connection = connection;
    this.request = request;
    this.inbound = held;
    this.outbound = new StreamShare(connection.json().budget());
  }

  void begin(ChannelHandler handler) {
    HttpRequest message;
    try {
      message = message();
    } catch (IllegalArgumentException notHttp) {
      refuse(
          HttpResponseStatus.INTERNAL_SERVER_ERROR,
          "failed to create request: expected a method, path and header fields of HTTP");
      return;
    }
    var stream = new StreamChannel(connection.channel(), this);
    channel = stream;
    stream.pipeline().addLast(handler);
    var limit = connection.json().answerLimit();
    deadline =
        connection.channel().eventLoop().schedule(this::tooLate, limit.toNanos(), NANOSECONDS);
    connection.channel().eventLoop().register(stream);
    stream.deliver(message);
    request
        .body()
        .forEach(piece -> stream.deliver(new DefaultHttpContent(Unpooled.wrappedBuffer(piece))));
    stream.deliver(LastHttpContent.EMPTY_LAST_CONTENT);
  }

  /// @throws IllegalArgumentException when the message holds no HTTP request
  private HttpRequest message() {
    if (!request.path().startsWith("/") || request.method().equals("CONNECT")) {
      throw new IllegalArgumentException("not a path, or CONNECT");
    }
    var message = new DefaultHttpRequest(
        HttpVersion.HTTP_1_1,
        HttpMethod.valueOf(request.method()),
        JsonPath.toRequestTarget(request.path(), request.query()));
    HeaderMapping.endToEnd(request.headers(), message.headers());
    message.headers().remove(HttpHeaderNames.CONTENT_LENGTH).remove(HttpHeaderNames.EXPECT);
    message.headers().set(HttpHeaderNames.HOST, request.target());
    long bytes = request.body().stream().mapToLong(piece -> piece.length).sum();
    if (bytes > 0 || WITH_BODY.contains(message.method())) {
      HttpUtil.setContentLength(message, bytes);
    }
    return message;
  }

  // ---- the answer

  @Override
  public boolean write(Object message) {
    if (answered) {
      return true;
    }
    switch (message) {
      case StatusAnswer failure -> failed(failure);
      case StreamAbort _ ->
        refuse(
            HttpResponseStatus.BAD_GATEWAY,
            "failed to read response: the target's answer broke off");
      case HttpResponse response
      when response.status().codeClass() == HttpStatusClass.INFORMATIONAL -> {
        // Interim answers are between the target and the agent.
      }
      case HttpResponse response -> head = response;
      default -> {
        // Content is looked at below; nothing else means anything to this protocol.
      }
    }
    if (message instanceof HttpContent content && head != null) {
      more(content);
    }
    return true;
  }

  private void failed(StatusAnswer failure) {
    int code = failure.status().code();
    if (code == 404) {
      refuse(failure.status(), failure.message());
    } else if (code < 500) {
      refuse(
          HttpResponseStatus.INTERNAL_SERVER_ERROR,
          "failed to create request: " + failure.message());
    } else {
      refuse(HttpResponseStatus.BAD_GATEWAY, "backend request failed: " + failure.message());
    }
  }

  private void more(HttpContent content) {
    var response = head;
    if (answered || response == null) {
      return;
    }
    int bytes = content.content().readableBytes();
    int most = connection.json().maxAnswerBodyBytes();
    if (body.rawBytes() + bytes > most) {
      refuse(
          HttpResponseStatus.BAD_GATEWAY,
          "failed to read response: expected at most " + most
              + " bytes, found more; a gateway that streams would carry it");
      return;
    }
    int cost = (int) Base64Chunks.encodedBytes(bytes);
    if (!outbound.mayTake(cost)) {
      refuse(HttpResponseStatus.BAD_GATEWAY, "failed to read response: " + MEMORY_SPENT);
      return;
    }
    outbound.take(cost);
    body.write(content.content().duplicate());
    if (content instanceof LastHttpContent) {
      answer(response);
    }
  }

  private void answer(HttpResponse response) {
    var headers = new DefaultHttpHeaders();
    HeaderMapping.endToEnd(response.headers(), headers);
    end();
    connection.send(
        JsonWriter.answer(request.requestId(), response.status().code(), headers, body),
        () -> outbound.giveBack((int) outbound.heldBytes()));
    connection.gone(this);
  }

  private void tooLate() {
    if (!answered) {
      refuse(
          HttpResponseStatus.GATEWAY_TIMEOUT,
          "backend request failed: no complete answer within "
              + connection.json().answerLimit().toSeconds()
              + " s; watches and followed logs need a gateway that streams");
    }
  }

  void refuse(HttpResponseStatus status, String message) {
    if (answered) {
      return;
    }
    end();
    outbound.giveBack((int) outbound.heldBytes());
    refusal(connection, request.requestId(), status, message);
    connection.gone(this);
  }

  /// Answers a request that had, or has, no stream.
  static void refusal(
      JsonAgentEnd connection, String requestId, HttpResponseStatus status, String message) {
    var shown = StatusAnswer.of(status, message);
    var text = new Base64Chunks();
    text.write(shown.content());
    HttpHeaders headers = new DefaultHttpHeaders()
        .set(HttpHeaderNames.CONTENT_TYPE, shown.headers().get(HttpHeaderNames.CONTENT_TYPE));
    shown.release();
    connection.send(JsonWriter.failure(requestId, status.code(), headers, text, message), () -> {});
  }

  /// Nothing more is awaited from the target, nor read of the request.
  private void end() {
    answered = true;
    var timer = deadline;
    if (timer != null) {
      timer.cancel(false);
    }
    inbound.giveBack((int) inbound.heldBytes());
    var stream = channel;
    if (stream != null) {
      stream.closeLater();
    }
  }

  /// The connection is gone: nobody wants the answer.
  void lost() {
    if (!answered) {
      end();
      outbound.giveBack((int) outbound.heldBytes());
    }
    connection.gone(this);
  }

  @Override
  public void read(int bytes) {
    inbound.giveBack((int) Math.min(bytes, inbound.heldBytes()));
  }

  @Override
  public void closed() {
    if (!answered) {
      refuse(HttpResponseStatus.BAD_GATEWAY, "backend request failed: the exchange was given up");
    }
  }
}
