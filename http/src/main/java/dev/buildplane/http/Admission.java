package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// Brings a request to its handler: finds the route, holds the body to its bound and asks its policy, or answers why not. Belongs to the
/// exchange's event loop; only the policy may tell its decision from another thread, which is what this is a consumer for.
final class Admission implements BiConsumer<@Nullable Principal, @Nullable Throwable> {
  private final NettyExchange exchange;
  private final ExchangeHandler owner;
  private final RequestHead head;
  private @Nullable Route route;
  private Principal principal = Principal.ANONYMOUS;

  Admission(NettyExchange exchange, ExchangeHandler owner, RequestHead head) {
    this.exchange = exchange;
    this.owner = owner;
    this.head = head;
  }

  Optional<Route> route() {
    return Optional.ofNullable(route);
  }

  Principal principal() {
    return principal;
  }

  void begin(HttpRequest request, RequestBody body) {
    switch (owner.core().router().find(head.method(), head.rawPath())) {
      case Router.Match.NoSuchPath _ ->
        exchange.fail(new HttpProblem(404, "no such path: " + head.rawPath()));
      case Router.Match.NoSuchMethod(var allowed) -> refuseMethod(allowed);
      case Router.Match.Found(var found) -> {
        route = found;
        body.bound(found.maxBodyBytes());
        var declared = HttpUtil.getContentLength(request, 0L);
        if (declared > found.maxBodyBytes()) {
          exchange.fail(RequestBody.tooLarge(found.maxBodyBytes(), declared));
        } else {
          ask(found.policy());
        }
      }
    }
  }

  private void refuseMethod(Set<String> allowed) {
    var rendered = owner
        .core()
        .settings()
        .problemFormat()
        .render(
            405,
            "method " + head.method() + " is not allowed here; allowed: "
                + String.join(", ", allowed));
    exchange.respond(
        405,
        Headers.of("allow", String.join(", ", allowed))
            .with("content-type", rendered.contentType()),
        rendered.body());
  }

  private void ask(Policy policy) {
    CompletionStage<Principal> decision;
    try {
      decision = policy.admit(head, owner.core().settings().tls().isPresent());
    } catch (RuntimeException e) {
      exchange.failWith(e);
      return;
    }
    decision.whenComplete(this);
  }

  @Override
  public void accept(@Nullable Principal who, @Nullable Throwable problem) {
    if (exchange.eventLoop().inEventLoop()) {
      decided(who, problem);
    } else {
      exchange.eventLoop().execute(() -> decided(who, problem));
    }
  }

  private void decided(@Nullable Principal who, @Nullable Throwable problem) {
    if (exchange.closed()) {
      return;
    }
    if (problem != null || who == null) {
      exchange.failWith(problem == null ? new HttpProblem(401, "the caller is unknown") : problem);
      return;
    }
    principal = who;
    var found = requireNonNull(route);
    if (head.upgradeRequired() && !found.pipes()) {
      exchange.fail(new HttpProblem(501, "no pipe is opened here; ask without CONNECT"));
      return;
    }
    switch (found.target()) {
      case Route.Target.Async(var handler) -> {
        try {
          handler.handle(exchange);
        } catch (Exception e) {
          exchange.failWith(e);
        }
      }
      case Route.Target.Blocking(var handler) ->
        BlockingExchange.run(exchange, handler, owner.core());
    }
    owner.pump();
  }
}
