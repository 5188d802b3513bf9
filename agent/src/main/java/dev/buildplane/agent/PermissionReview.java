package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/// Asks a target by SelfSubjectAccessReviews, one after the other on one connection, which of some permissions the agent lacks. Runs on the
/// connection's event loop.
final class PermissionReview extends SimpleChannelInboundHandler<FullHttpResponse> {
  /// For all answers together.
  static final Duration DEADLINE = Duration.ofSeconds(10);

  private static final String PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  private static final int MAX_ANSWER_BYTES = 64 << 10;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Target target;
  private final List<Permission> asked;
  private final List<Permission> missing = new ArrayList<>();
  private final CompletableFuture<List<Permission>> outcome;
  private int next;

  private PermissionReview(
      Target target, List<Permission> asked, CompletableFuture<List<Permission>> outcome) {
    this.target = target;
    this.asked = asked;
    this.outcome = outcome;
  }

  /// What is missing of `asked`, in that order; fails when the target cannot be asked.
  static CompletionStage<List<Permission>> missing(
      BackendPool pool, EventLoop loop, Target target, List<Permission> asked) {
    var outcome = new CompletableFuture<List<Permission>>();
    loop.execute(() -> pool.acquire(loop, target, true)
        .addListener((io.netty.util.concurrent.Future<Channel> connected) -> {
          if (connected.isSuccess()) {
            begin(connected.getNow(), new PermissionReview(target, asked, outcome));
          } else {
            outcome.completeExceptionally(connected.cause());
          }
        }));
    return outcome;
  }

  private static void begin(Channel channel, PermissionReview review) {
    channel.pipeline().addLast(new HttpObjectAggregator(MAX_ANSWER_BYTES), review);
    channel
        .eventLoop()
        .schedule(
            () -> review.fail(channel, new IOException("no answers within " + DEADLINE)),
            DEADLINE.toMillis(),
            MILLISECONDS);
    review.ask(channel);
  }

  private void ask(Channel channel) {
    if (next == asked.size()) {
      outcome.complete(List.copyOf(missing));
      channel.close();
      return;
    }
    var body = Unpooled.copiedBuffer(body(asked.get(next)), UTF_8);
    var request = new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1, HttpMethod.POST, target.requestTarget(PATH), body);
    request
        .headers()
        .set(HttpHeaderNames.HOST, target.authority())
        .set(HttpHeaderNames.CONTENT_TYPE, "application/json")
        .set(HttpHeaderNames.ACCEPT, "application/json")
        .set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
    Credentials.replace(request.headers(), target.authorization());
    channel.writeAndFlush(request);
  }

  private static String body(Permission permission) {
    var review = JsonNodeFactory.instance.objectNode();
    review.put("apiVersion", "authorization.k8s.io/v1").put("kind", "SelfSubjectAccessReview");
    var parts = permission.resource().split("/", 2);
    var attributes = review.putObject("spec").putObject("resourceAttributes");
    attributes
        .put("verb", permission.verb())
        .put("group", permission.group())
        .put("resource", parts[0]);
    if (parts.length > 1) {
      attributes.put("subresource", parts[1]);
    }
    return review.toString();
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpResponse answer) {
    if (!answer.status().equals(HttpResponseStatus.CREATED)
        && !answer.status().equals(HttpResponseStatus.OK)) {
      fail(ctx.channel(), new IOException("expected 201, found " + answer.status()));
      return;
    }
    try {
      var review = JSON.readTree(answer.content().toString(UTF_8));
      if (!review.path("status").path("allowed").asBoolean(false)) {
        missing.add(asked.get(next));
      }
      next++;
      ask(ctx.channel());
    } catch (JsonProcessingException e) {
      fail(ctx.channel(), e);
    }
  }

  private void fail(Channel channel, Throwable why) {
    outcome.completeExceptionally(why);
    channel.close();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    fail(ctx.channel(), cause);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    fail(ctx.channel(), new IOException("the connection closed before all answers had come"));
  }
}
