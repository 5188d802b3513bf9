package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketAddress;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/// A [NettyExchange] seen from a virtual thread.
final class BlockingExchange implements HttpExchange {
  private final NettyExchange exchange;
  private final RequestHead head;
  private final BlockingBody body;
  private volatile boolean answered;
  private volatile int status;
  private @Nullable BlockingAnswer answer;

  private BlockingExchange(NettyExchange exchange) {
    this.exchange = exchange;
    this.head = exchange.head();
    this.body = new BlockingBody(exchange);
  }

  /// Runs `handler` on a virtual thread. Called on the event loop.
  static void run(NettyExchange exchange, HttpHandler handler, ServerCore core) {
    if (!core.requests().tryAcquire()) {
      exchange.fail(new HttpProblem(
          503,
          "too many requests in flight: this server takes " + core.limits().requestsInFlight()
              + "; try again later"));
      return;
    }
    var blocking = new BlockingExchange(exchange);
    try {
      core.handlers().execute(() -> {
        try {
          blocking.handle(handler);
        } finally {
          core.requests().release();
        }
      });
    } catch (RejectedExecutionException e) {
      core.requests().release();
      exchange.fail(new HttpProblem(503, "this server is stopping"));
    }
  }

  private void handle(HttpHandler handler) {
    try {
      handler.handle(this);
      if (!answered) {
        throw new IllegalStateException(
            "the handler of " + head.method() + " " + head.rawPath() + " gave no answer");
      }
      if (answer != null) {
        answer.close();
      }
    } catch (Exception | Error e) {
      onLoop(() -> exchange.failWith(e));
      if (e instanceof Error error) {
        throw error;
      }
    }
  }

  private void onLoop(Runnable action) {
    try {
      exchange.eventLoop().execute(action);
    } catch (RejectedExecutionException e) {
      // The server has stopped; the connection went with it.
      exchange.onClose(() -> {});
    }
  }

  @Override
  public RequestHead head() {
    return head;
  }

  @Override
  public String method() {
    return head.method();
  }

  @Override
  public String rawPath() {
    return head.rawPath();
  }

  @Override
  public String rawQuery() {
    return head.rawQuery();
  }

  @Override
  public String authority() {
    return head.authority();
  }

  @Override
  public Headers headers() {
    return head.headers();
  }

  @Override
  public SocketAddress remoteAddress() {
    return head.remoteAddress();
  }

  @Override
  public List<X509Certificate> peerCertificates() {
    return head.peerCertificates();
  }

  @Override
  public String requestId() {
    return head.requestId();
  }

  @Override
  public Principal principal() {
    return exchange.principal();
  }

  @Override
  public InputStream body() {
    return body;
  }

  @Override
  public void respond(int code, Headers headers, byte[] bytes) {
    claimAnswer();
    status = code;
    onLoop(() -> exchange.respond(code, headers, bytes));
  }

  @Override
  public OutputStream respondStreaming(int code, Headers headers) {
    claimAnswer();
    status = code;
    var stream = new BlockingAnswer(exchange);
    answer = stream;
    onLoop(() -> {
      exchange.sendHead(code, headers);
      exchange.flush();
    });
    return stream;
  }

  @Override
  public int status() {
    return status;
  }

  private void claimAnswer() {
    if (answered) {
      throw new IllegalStateException("request " + head.requestId() + " has its answer already");
    }
    answered = true;
  }

  @Override
  public boolean webSocketRequested() {
    return head.method().equals("GET")
        && head.upgradeRequested()
        && !head.upgradeRequired()
        && head.headerHasToken("upgrade", "websocket")
        && head.headers().first("sec-websocket-key").isPresent();
  }

  @Override
  public WebSocket acceptWebSocket(String subprotocol) {
    var upgrade = WebSocketUpgrade.check(this, subprotocol);
    claimAnswer();
    status = HttpResponseStatus.SWITCHING_PROTOCOLS.code();
    var maxMessageBytes =
        exchange.route().map(Route::maxMessageBytes).orElse(Route.DEFAULT_MAX_MESSAGE_BYTES);
    var accepted = new CompletableFuture<WebSocket>();
    exchange.onClose(
        () -> accepted.completeExceptionally(new java.nio.channels.ClosedChannelException()));
    onLoop(() -> {
      try {
        exchange.takeOver(
            upgrade,
            channel -> accepted.complete(NettyWebSocket.install(channel, maxMessageBytes)));
      } catch (IllegalStateException e) {
        accepted.completeExceptionally(e);
      }
    });
    return await(accepted);
  }

  private WebSocket await(CompletableFuture<WebSocket> accepted) {
    try {
      return requireNonNull(accepted.get());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HttpProblem(503, "interrupted while accepting a WebSocket");
    } catch (ExecutionException e) {
      throw new HttpProblem(400, "the WebSocket handshake did not complete: " + e.getCause());
    }
  }

  @Override
  public void onClose(Runnable action) {
    exchange.onClose(action);
  }

  /// A copy of the bytes as a buffer of Netty's.
  static io.netty.buffer.ByteBuf copied(byte[] bytes, int offset, int length) {
    return Unpooled.copiedBuffer(bytes, offset, length);
  }
}
