package dev.buildplane.tunnel;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// One request to a v0.17 agent: gathers the caller's request into a message, and makes an HTTP answer of the agent's. What the agent or
/// the gateway could not do is answered with a Kubernetes `Status` as well. On the connection's event loop.
final class JsonGatewayStream implements StreamChannel.Carrier {
  private static final String X_REQUEST_ID = "x-request-id";

  private final JsonGatewayEnd connection;
  private final StreamShare outbound;
  private final Base64Chunks body = new Base64Chunks();
  private @Nullable StreamChannel channel;
  private @Nullable StreamShare inbound;
  private @Nullable HttpRequest head;
  private String requestId = "";
  private boolean answered;

  JsonGatewayStream(JsonGatewayEnd connection) {
    this.connection = connection;
    this.outbound = new StreamShare(connection.json().budget());
  }

  void on(StreamChannel stream) {
    channel = stream;
  }

  private StreamChannel channel() {
    var known = channel;
    if (known == null) {
      throw new IllegalStateException("the stream has no channel yet");
    }
    return known;
  }

  // ---- to the agent

  @Override
  public boolean write(Object message) throws TunnelException {
    if (message instanceof HttpRequest request) {
      begin(request);
    }
    if (message instanceof HttpContent content) {
      more(content);
    } else if (!(message instanceof HttpRequest)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL,
          "expected an HTTP message, found " + message.getClass().getSimpleName());
    }
    return true;
  }

  private void begin(HttpRequest request) throws TunnelException {
    if (head != null
        || request.method().equals(HttpMethod.CONNECT)
        || request.headers().contains(HttpHeaderNames.UPGRADE)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL,
          "expected one request without upgrade: this agent does not stream, update it");
    }
    head = request;
    if (HttpUtil.getContentLength(request, 0L) > connection.json().maxRequestBodyBytes()) {
      tooLarge();
    }
  }

  private void more(HttpContent content) throws TunnelException {
    var request = head;
    if (answered) {
      return; // what is left of a request that has been refused
    }
    if (request == null || !requestId.isEmpty()) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "expected content within a request, found it outside");
    }
    int bytes = content.content().readableBytes();
    if (body.rawBytes() + bytes > connection.json().maxRequestBodyBytes()) {
      tooLarge();
      return;
    }
    int cost = (int) Base64Chunks.encodedBytes(bytes);
    if (!outbound.mayTake(cost)) {
      refuse(
          HttpResponseStatus.SERVICE_UNAVAILABLE,
          "the memory for messages of agents without streaming is spent; try again later");
      return;
    }
    outbound.take(cost);
    body.write(content.content().duplicate());
    if (content instanceof LastHttpContent) {
      send(request);
    }
  }

  private void tooLarge() {
    refuse(
        HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
        "expected a request body of at most " + connection.json().maxRequestBodyBytes()
            + " bytes, found more: the plane's agent does not stream, update it");
  }

  private void send(HttpRequest request) {
    requestId = UUID.randomUUID().toString();
    connection.awaits(requestId, this);
    int question = request.uri().indexOf('?');
    var path = question < 0 ? request.uri() : request.uri().substring(0, question);
    var message = JsonWriter.request(
        requestId,
        request.headers().get(X_REQUEST_ID, ""),
        request.headers().get(HttpHeaderNames.HOST, ""),
        request.method().name(),
        JsonPath.toMessage(path),
        question < 0 ? "" : request.uri().substring(question + 1),
        requestHeaders(request.headers()),
        body);
    connection.send(message, () -> outbound.giveBack((int) outbound.heldBytes()));
  }

  /// The length is the message's business: agents that check it against their own framing would refuse the call.
  private static HttpHeaders requestHeaders(HttpHeaders from) {
    var to = new DefaultHttpHeaders();
    HeaderMapping.endToEnd(from, to);
    return to.remove(HttpHeaderNames.CONTENT_LENGTH).remove(HttpHeaderNames.EXPECT);
  }

  // ---- from the agent

  void answered(JsonAnswer answer, StreamShare held) {
    inbound = held;
    var status = HttpResponseStatus.valueOf(answer.status());
    if (answer.status() >= 400 && !answer.error().isEmpty() && answer.body().isEmpty()) {
      refuse(status, answer.error());
      return;
    }
    answered = true;
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, status);
    HeaderMapping.endToEnd(answer.headers(), response.headers());
    boolean bodiless = isHead() || answer.status() == 204 || answer.status() == 304;
    frame(response, answer, bodiless);
    var stream = channel();
    stream.deliver(response);
    if (!bodiless) {
      answer
          .body()
          .forEach(piece -> stream.deliver(new DefaultHttpContent(Unpooled.wrappedBuffer(piece))));
    }
    finish(stream);
  }

  private boolean isHead() {
    var request = head;
    return request != null && request.method().equals(HttpMethod.HEAD);
  }

  /// The length of what came, whatever the agent says; only an answer to HEAD speaks of a body that is not there.
  private void frame(DefaultHttpResponse response, JsonAnswer answer, boolean bodiless) {
    var told = response.headers().get(HttpHeaderNames.CONTENT_LENGTH, "");
    response.headers().remove(HttpHeaderNames.CONTENT_LENGTH);
    if (isHead() && told.matches("\\d{1,18}")) {
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, told);
    } else if (!bodiless) {
      long bytes = answer.body().stream().mapToLong(piece -> piece.length).sum();
      HttpUtil.setContentLength(response, bytes);
    }
  }

  /// The agent answered with something that is no answer, or too much.
  void unusable(String why) {
    refuse(HttpResponseStatus.BAD_GATEWAY, "the agent's answer cannot be used: " + why);
  }

  void lost(CloseReason why) {
    if (!answered) {
      answered = true;
      channel().fail(new TunnelException(TunnelException.Code.CONNECTION_LOST, why.detail()));
    }
  }

  /// Answers in the target's stead.
  private void refuse(HttpResponseStatus status, String message) {
    if (answered) {
      return;
    }
    answered = true;
    var stream = channel();
    var answer = StatusAnswer.of(status, message);
    if (isHead()) {
      var bare = new DefaultHttpResponse(HttpVersion.HTTP_1_1, status);
      bare.headers().set(answer.headers());
      stream.deliver(bare);
      answer.release();
      finish(stream);
      return;
    }
    stream.deliver(answer);
    connection.answered(this);
    stream.endAfterDelivery();
  }

  private void finish(StreamChannel stream) {
    stream.deliver(LastHttpContent.EMPTY_LAST_CONTENT);
    connection.answered(this);
    stream.endAfterDelivery();
  }

  @Override
  public void read(int bytes) {
    var share = inbound;
    if (share != null) {
      share.giveBack((int) Math.min(bytes, share.heldBytes()));
    }
  }

  @Override
  public void closed() {
    answered = true;
    var share = inbound;
    if (share != null) {
      share.giveBack((int) share.heldBytes());
    }
    if (requestId.isEmpty()) {
      outbound.giveBack((int) outbound.heldBytes()); // else the message is under way and holds it
    }
    connection.gone(this, requestId);
  }
}
