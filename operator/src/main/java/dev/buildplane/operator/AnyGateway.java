package dev.buildplane.operator;

import java.io.IOException;
import java.net.Authenticator;
import java.net.ConnectException;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.jspecify.annotations.Nullable;

/// An HTTP client for which the replicas of the gateway are one server: a request goes to the replica used last, and when
/// that does not take the connection, to the next. Nothing is sent twice that may have arrived. After any other failure the
/// requests that follow begin at another replica. Thread-safe.
final class AnyGateway extends HttpClient {
  private final HttpClient client;
  private final Supplier<List<URI>> replicas;
  private volatile @Nullable URI preferred;

  /// @param replicas base URLs, at least one; must not block
  AnyGateway(HttpClient client, Supplier<List<URI>> replicas) {
    this.client = client;
    this.replicas = replicas;
  }

  private List<URI> order() {
    var order = new ArrayList<>(replicas.get());
    var first = preferred;
    if (first != null && order.remove(first)) {
      order.addFirst(first);
    }
    return order;
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request, BodyHandler<T> handler) {
    return attempt(request, handler, null, order(), 0);
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request, BodyHandler<T> handler, @Nullable PushPromiseHandler<T> pushes) {
    return attempt(request, handler, pushes, order(), 0);
  }

  private <T> CompletableFuture<HttpResponse<T>> attempt(
      HttpRequest request,
      BodyHandler<T> handler,
      @Nullable PushPromiseHandler<T> pushes,
      List<URI> order,
      int index) {
    var replica = order.get(index);
    var addressed = HttpRequest.newBuilder(request, (_, _) -> true)
        .uri(at(replica, request.uri()))
        .build();
    var sent = pushes == null
        ? client.sendAsync(addressed, handler)
        : client.sendAsync(addressed, handler, pushes);
    return sent.handle((response, failure) -> {
          if (failure == null) {
            preferred = replica;
            return CompletableFuture.completedFuture(response);
          }
          boolean more = index + 1 < order.size();
          preferred = order.get(more ? index + 1 : 0);
          return more && refused(failure)
              ? attempt(request, handler, pushes, order, index + 1)
              : CompletableFuture.<HttpResponse<T>>failedFuture(failure);
        })
        .thenCompose(next -> next);
  }

  /// Whether there was no connection at all.
  private static boolean refused(Throwable failure) {
    var cause = failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
    return cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException;
  }

  /// Path and query byte for byte.
  static URI at(URI replica, URI target) {
    var query = target.getRawQuery() == null ? "" : "?" + target.getRawQuery();
    return URI.create(
        replica.getScheme() + "://" + replica.getRawAuthority() + target.getRawPath() + query);
  }

  @Override
  public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
      throws IOException, InterruptedException {
    try {
      return sendAsync(request, handler).get();
    } catch (ExecutionException e) {
      throw new IOException(
          e.getCause() == null ? e.toString() : e.getCause().toString(), e.getCause());
    }
  }

  @Override
  public WebSocket.Builder newWebSocketBuilder() {
    return client.newWebSocketBuilder(); // not used: plane clients watch over HTTP
  }

  @Override
  public Optional<CookieHandler> cookieHandler() {
    return client.cookieHandler();
  }

  @Override
  public Optional<Duration> connectTimeout() {
    return client.connectTimeout();
  }

  @Override
  public Redirect followRedirects() {
    return client.followRedirects();
  }

  @Override
  public Optional<ProxySelector> proxy() {
    return client.proxy();
  }

  @Override
  public SSLContext sslContext() {
    return client.sslContext();
  }

  @Override
  public SSLParameters sslParameters() {
    return client.sslParameters();
  }

  @Override
  public Optional<Authenticator> authenticator() {
    return client.authenticator();
  }

  @Override
  public Version version() {
    return client.version();
  }

  @Override
  public Optional<Executor> executor() {
    return client.executor();
  }

  @Override
  public void shutdown() {
    client.shutdown();
  }

  @Override
  public void shutdownNow() {
    client.shutdownNow();
  }

  @Override
  public boolean isTerminated() {
    return client.isTerminated();
  }

  @Override
  public boolean awaitTermination(Duration limit) throws InterruptedException {
    return client.awaitTermination(limit);
  }

  @Override
  public void close() {
    client.close();
  }

  /// Builds the client inside and wraps it.
  static final class Builder implements HttpClient.Builder {
    private final HttpClient.Builder inner = HttpClient.newBuilder();
    private final Supplier<List<URI>> replicas;

    Builder(Supplier<List<URI>> replicas) {
      this.replicas = replicas;
    }

    @Override
    public HttpClient.Builder cookieHandler(CookieHandler handler) {
      inner.cookieHandler(handler);
      return this;
    }

    @Override
    public HttpClient.Builder connectTimeout(Duration limit) {
      inner.connectTimeout(limit);
      return this;
    }

    @Override
    public HttpClient.Builder sslContext(SSLContext context) {
      inner.sslContext(context);
      return this;
    }

    @Override
    public HttpClient.Builder sslParameters(SSLParameters parameters) {
      inner.sslParameters(parameters);
      return this;
    }

    @Override
    public HttpClient.Builder executor(Executor executor) {
      inner.executor(executor);
      return this;
    }

    @Override
    public HttpClient.Builder followRedirects(Redirect policy) {
      inner.followRedirects(policy);
      return this;
    }

    @Override
    public HttpClient.Builder version(Version version) {
      inner.version(version);
      return this;
    }

    @Override
    public HttpClient.Builder priority(int priority) {
      inner.priority(priority);
      return this;
    }

    @Override
    public HttpClient.Builder proxy(ProxySelector selector) {
      inner.proxy(selector);
      return this;
    }

    @Override
    public HttpClient.Builder authenticator(Authenticator authenticator) {
      inner.authenticator(authenticator);
      return this;
    }

    @Override
    public HttpClient build() {
      return new AnyGateway(inner.build(), replicas);
    }
  }
}
