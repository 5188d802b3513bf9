package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import io.netty.handler.codec.spdy.SpdyFrameCodec;
import io.netty.handler.codec.spdy.SpdyVersion;
import io.netty.util.AttributeKey;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What a [PodServer] answers.
final class PodRequests extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final String POD_PATH =
      "/api/v1/namespaces/" + PodServer.NAMESPACE + "/pods/" + PodServer.POD;
  private static final String SPDY = "SPDY/3.1";
  private static final String PORT_FORWARD = "portforward.k8s.io";
  private static final String TUNNELED = SPDY + "+" + PORT_FORWARD;
  private static final String STREAM_PROTOCOL = "x-stream-protocol-version";
  private static final int MAX_MESSAGE_BYTES = 1 << 20;
  private static final AttributeKey<PodProcess.Sink> FOLLOWER =
      AttributeKey.valueOf("buildplane.follower");

  private final PodServer server;

  PodRequests(PodServer server) {
    this.server = server;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
    var upgrade = request.headers().get(HttpHeaderNames.UPGRADE, "-");
    server.requests().add(request.method() + " " + request.uri() + " " + upgrade);
    var query = new QueryStringDecoder(request.uri());
    switch (query.path()) {
      case "/version" ->
        json(ctx, 200, "{\"major\":\"1\",\"minor\":\"32\",\"gitVersion\":\"v1.32.0\"}");
      case "/api" -> json(ctx, 200, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}");
      case "/apis" ->
        json(ctx, 200, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[]}");
      case "/api/v1" -> json(ctx, 200, RESOURCES);
      case POD_PATH -> json(ctx, 200, POD);
      case POD_PATH + "/log" -> log(ctx, query);
      case POD_PATH + "/exec" ->
        command(
            ctx,
            request,
            query,
            sink -> server.exec(all(query, "command"), is(query, "stdin"), sink));
      case POD_PATH + "/attach" ->
        command(ctx, request, query, sink -> server.pod().attach(sink));
      case POD_PATH + "/portforward" -> portForward(ctx, request);
      default -> json(ctx, 404, failure(404, "NotFound", "no such path: " + query.path()));
    }
  }

  private static boolean is(QueryStringDecoder query, String name) {
    return all(query, name).contains("true");
  }

  private static List<String> all(QueryStringDecoder query, String name) {
    return query.parameters().getOrDefault(name, List.of());
  }

  // ---- logs

  private void log(ChannelHandlerContext ctx, QueryStringDecoder query) {
    var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    HttpUtil.setTransferEncodingChunked(head, true);
    head.headers().set(HttpHeaderNames.CONTENT_TYPE, "text/plain");
    ctx.writeAndFlush(head);
    var follower = new PodProcess.Sink() {
      @Override
      public void output(int stream, byte[] bytes) {
        ctx.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)));
      }

      @Override
      public void exited(int code) {
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
      }
    };
    ctx.channel().attr(FOLLOWER).set(follower);
    server.pod().logs(follower, is(query, "follow"));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    var follower = ctx.channel().attr(FOLLOWER).get();
    if (follower != null) {
      server.pod().leave(follower);
    }
  }

  // ---- exec and attach

  private void command(
      ChannelHandlerContext ctx,
      FullHttpRequest request,
      QueryStringDecoder query,
      PodSession.Opener opener) {
    if (is(query, "tty")) {
      json(ctx, 400, failure(400, "BadRequest", "expected tty=false: this pod has no terminals"));
    } else if (request.headers().containsValue(HttpHeaderNames.UPGRADE, "websocket", true)) {
      webSocket(
          ctx,
          request,
          RemoteCommandSocket.V5 + "," + RemoteCommandSocket.V4,
          new RemoteCommandSocket(opener));
    } else {
      var awaited = new HashSet<>(Set.of("error"));
      for (var name : List.of("stdin", "stdout", "stderr")) {
        if (is(query, name)) {
          awaited.add(name);
        }
      }
      spdy(ctx, request, RemoteCommandSocket.V4, new SpdyCommand(opener, awaited));
    }
  }

  private static void portForward(ChannelHandlerContext ctx, FullHttpRequest request) {
    if (request.headers().containsValue(HttpHeaderNames.UPGRADE, "websocket", true)) {
      webSocket(
          ctx,
          request,
          TUNNELED,
          new SpdyBytes(),
          new SpdyFrameCodec(SpdyVersion.SPDY_3_1),
          new SpdyPortForward());
    } else {
      spdy(ctx, request, PORT_FORWARD, new SpdyPortForward());
    }
  }

  // ---- leaving HTTP

  private static void webSocket(
      ChannelHandlerContext ctx,
      FullHttpRequest request,
      String protocols,
      ChannelHandler... handlers) {
    var handshaker = new WebSocketServerHandshakerFactory("", protocols, false, MAX_MESSAGE_BYTES)
        .newHandshaker(request);
    if (handshaker == null) {
      json(ctx, 400, failure(400, "BadRequest", "expected WebSocket version 13"));
      return;
    }
    ctx.channel().config().setAutoRead(false);
    handshaker.handshake(ctx.channel(), request).addListener(done -> {
      if (done.isSuccess()) {
        ctx.pipeline().addLast(handlers);
        ctx.pipeline().remove(PodRequests.class);
        ctx.channel().config().setAutoRead(true);
      } else {
        ctx.close();
      }
    });
  }

  private static void spdy(
      ChannelHandlerContext ctx, FullHttpRequest request, String protocol, ChannelHandler handler) {
    if (!request.headers().containsValue(HttpHeaderNames.UPGRADE, SPDY, true)
        || !request.headers().getAll(STREAM_PROTOCOL).contains(protocol)) {
      json(
          ctx,
          400,
          failure(
              400,
              "BadRequest",
              "expected an upgrade to " + SPDY + " that offers " + protocol + ", found "
                  + request.headers().getAll(STREAM_PROTOCOL)));
      return;
    }
    var switching =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
    switching
        .headers()
        .set(HttpHeaderNames.CONNECTION, "Upgrade")
        .set(HttpHeaderNames.UPGRADE, SPDY)
        .set(STREAM_PROTOCOL, protocol);
    ctx.writeAndFlush(switching);
    var pipeline = ctx.pipeline();
    pipeline.addLast(new SpdyFrameCodec(SpdyVersion.SPDY_3_1), handler);
    pipeline.remove(PodRequests.class);
    pipeline.remove(HttpObjectAggregator.class);
    pipeline.remove(HttpServerCodec.class);
  }

  // ---- answers

  private static void json(ChannelHandlerContext ctx, int status, String text) {
    var body = Unpooled.copiedBuffer(text, UTF_8);
    var response =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), body);
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "application/json")
        .set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
    ctx.writeAndFlush(response);
  }

  private static String failure(int code, String reason, String message) {
    return """
        {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"%s",\
        "reason":"%s","code":%d}""".formatted(message, reason, code);
  }

  private static final String RESOURCES = """
      {"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[
        {"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","shortNames":["po"],
         "verbs":["get","list"]},
        {"name":"pods/log","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]},
        {"name":"pods/exec","singularName":"","namespaced":true,"kind":"PodExecOptions",
         "verbs":["create","get"]},
        {"name":"pods/attach","singularName":"","namespaced":true,"kind":"PodAttachOptions",
         "verbs":["create","get"]},
        {"name":"pods/portforward","singularName":"","namespaced":true,
         "kind":"PodPortForwardOptions","verbs":["create","get"]}]}
      """;

  private static final String POD =
      """
      {"kind":"Pod","apiVersion":"v1",
       "metadata":{"name":"%s","namespace":"%s","uid":"5a1cf8f6-37ae-4a59-a1b6-9f8e6e1f0a11"},
       "spec":{"containers":[{"name":"%s","image":"none","stdin":true}]},
       "status":{"phase":"Running","containerStatuses":[
         {"name":"%s","ready":true,"restartCount":0,"image":"none","imageID":"",
          "state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}}
      """.formatted(PodServer.POD, PodServer.NAMESPACE, PodServer.CONTAINER, PodServer.CONTAINER);
}
