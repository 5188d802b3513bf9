package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Exception;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One end of a tunnel without a socket; the test is the other, frame by frame. All on the test's thread.
final class Wire implements AutoCloseable {
  /// A frame that the end under test sent. Payload of DATA has been put together.
  record Frame(int type, int flags, int stream, byte[] payload) {
    boolean ends() {
      return (flags & Http2Frames.END_STREAM) != 0;
    }

    /// The number in a RST_STREAM or WINDOW_UPDATE, or the error code of a GOAWAY.
    int number() {
      return Unpooled.wrappedBuffer(payload).getInt(type == Http2Frames.GOAWAY ? 4 : 0);
    }
  }

  private final EmbeddedChannel channel;
  private final boolean gateway;
  private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
  private final WebSocketFrameReader envelope;
  private final Http2FrameInput input;
  private final ByteBuf outgoing = Unpooled.buffer();
  private final List<Integer> writes = new ArrayList<>();
  private GatewayTunnel gatewayEnd;
  private boolean closing;

  private Wire(boolean gateway) {
    this.gateway = gateway;
    this.channel = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    this.envelope = new WebSocketFrameReader(!gateway, WebSocketFrameReader.BINARY, Long.MAX_VALUE);
    this.input = new Http2FrameInput(gateway);
  }

  /// The gateway's end: the test is the agent.
  static Wire gateway(TunnelSettings settings) {
    var wire = new Wire(true);
    wire.gatewayEnd = GatewayTunnel.install(
        wire.channel, new DefaultHttpHeaders(), List.of(wire.channel.pipeline().first()), settings);
    return wire;
  }

  /// The agent's end: the test is the gateway.
  static Wire agent(TunnelSettings settings, ChannelHandler streams) {
    var wire = new Wire(false);
    Http2Tunnel.installAgentEnd(
        wire.channel,
        List.of(wire.channel.pipeline().first()),
        settings,
        streams,
        Optional.empty());
    wire.outgoing.writeBytes(Http2Frames.PREFACE.array());
    return wire;
  }

  GatewayTunnel gatewayEnd() {
    return gatewayEnd;
  }

  /// Whether the end under test has not begun to close the WebSocket.
  boolean isOpen() {
    return !closing;
  }

  /// Sets a frame down; [#frames] sends it.
  Wire frame(int type, int flags, int stream, byte... payload) {
    Http2Frames.head(outgoing, payload.length, type, flags, stream);
    outgoing.writeBytes(payload);
    return this;
  }

  /// SETTINGS of pairs of name and value.
  Wire settings(int... pairs) {
    var payload = Unpooled.buffer();
    for (int i = 0; i < pairs.length; i += 2) {
      Http2Frames.setting(payload, pairs[i], pairs[i + 1]);
    }
    var bytes = new byte[payload.readableBytes()];
    payload.readBytes(bytes);
    return frame(Http2Frames.SETTINGS, 0, 0, bytes);
  }

  Wire number(int type, int stream, int number) {
    var payload = new byte[4];
    Unpooled.wrappedBuffer(payload).setInt(0, number);
    return frame(type, 0, stream, payload);
  }

  /// A header block of pairs of name and value.
  Wire headers(int stream, boolean end, String... fields) throws Http2Exception {
    var headers = new DefaultHttp2Headers(false);
    for (int i = 0; i < fields.length; i += 2) {
      headers.add(fields[i], fields[i + 1]);
    }
    var block = Unpooled.buffer();
    encoder.encodeHeaders(stream, headers, block);
    var bytes = new byte[block.readableBytes()];
    block.readBytes(bytes);
    return frame(
        Http2Frames.HEADERS,
        Http2Frames.END_HEADERS | (end ? Http2Frames.END_STREAM : 0),
        stream,
        bytes);
  }

  Wire get(int stream, String path) throws Http2Exception {
    return headers(
        stream, true, ":method", "GET", ":scheme", "https", ":authority", "k8s", ":path", path);
  }

  /// Sends what has been set down; what the other end has said since the last time.
  List<Frame> frames() throws Exception {
    if (outgoing.isReadable()) {
      var message = Unpooled.buffer();
      new WebSocketFrameWriter(gateway, () -> 0)
          .head(message, WebSocketFrameReader.BINARY, outgoing.readableBytes());
      message.writeBytes(outgoing);
      outgoing.clear();
      channel.writeInbound(message);
    }
    channel.runPendingTasks();
    var found = new Found();
    writes.clear();
    for (ByteBuf bytes = channel.readOutbound(); bytes != null; bytes = channel.readOutbound()) {
      writes.add(bytes.readableBytes());
      envelope.read(bytes, found);
      bytes.release();
    }
    return found.frames;
  }

  /// How many bytes each write had that [#frames] found.
  List<Integer> writes() {
    return List.copyOf(writes);
  }

  private final class Found implements WebSocketFrameReader.Sink, Http2FrameInput.Sink {
    private final List<Frame> frames = new ArrayList<>();
    private final ByteBuf data = Unpooled.buffer();

    @Override
    public void data(ByteBuf part) {
      try {
        input.read(part, this);
      } catch (Http2Exception e) {
        throw new AssertionError(e);
      } finally {
        part.release();
      }
    }

    @Override
    public void messageEnd() {
      // Only an envelope.
    }

    @Override
    public void control(int opcode, byte[] payload) {
      closing |= opcode == WebSocketFrameReader.CLOSE;
    }

    @Override
    public void dataBegins(int stream, int length, int padding) {
      data.clear();
      frames.add(new Frame(Http2Frames.DATA, 0, stream, new byte[0]));
    }

    @Override
    public void data(int stream, ByteBuf piece, boolean endStream) {
      data.writeBytes(piece);
      piece.release();
      var whole = new byte[data.readableBytes()];
      data.getBytes(0, whole);
      frames.set(
          frames.size() - 1,
          new Frame(Http2Frames.DATA, endStream ? Http2Frames.END_STREAM : 0, stream, whole));
    }

    @Override
    public void frame(int type, int flags, int stream, ByteBuf payload) {
      var bytes = new byte[payload.readableBytes()];
      payload.readBytes(bytes);
      frames.add(new Frame(type, flags, stream, bytes));
    }
  }

  /// Ends the connection; nothing may be left of it.
  @Override
  public void close() {
    if (channel.isOpen()) {
      channel
          .pipeline()
          .firstContext()
          .close(); // as a connection that breaks: nobody answers a close
    }
    channel.finishAndReleaseAll();
    encoder.close();
    input.release();
  }
}
