package dev.buildplane.tunnel;

import io.netty.handler.codec.http2.DefaultHttp2Connection;
import io.netty.handler.codec.http2.DefaultHttp2LocalFlowController;
import io.netty.handler.codec.http2.DefaultHttp2RemoteFlowController;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.UniformStreamByteDistributor;

/// The HTTP/2 codec of a tunnel: stock Netty with five changes.
/// - the connection window is refilled at once, so that only stream windows hold senders back: with a shared one a dozen
///   stalled readers freeze the tunnel. [BudgetHandler] bounds what that lets in;
/// - streams that send at the same time take turns of a whole frame each. Netty's default of 1 KiB makes a frame, and at the agent a record
///   and a system call, of every kibibyte;
/// - the agent's end has no limit on RST_STREAM: the gateway is trusted to cancel, and Netty's limit kills the tunnel at
///   the 201st cancel within 30 s. The gateway's end has a wider one, as an agent under pressure refuses streams in bulk;
/// - closing closes: drain is ours ([TunnelConnection]);
/// - extended CONNECT is on (RFC 8441).
final class TunnelCodecBuilder extends Http2FrameCodecBuilder {
  private static final float REFILL_AT = 0.5f;
  private static final int MAX_AGENT_RESETS = 10_000;
  private static final int RESET_WINDOW_SECONDS = 30;

  private TunnelCodecBuilder(boolean server, TunnelSettings settings) {
    var connection = new DefaultHttp2Connection(server);
    connection
        .local()
        .flowController(new DefaultHttp2LocalFlowController(connection, REFILL_AT, true));
    var turns = new UniformStreamByteDistributor(connection);
    turns.minAllocationChunk(Http2CodecUtil.DEFAULT_MAX_FRAME_SIZE);
    connection.remote().flowController(new DefaultHttp2RemoteFlowController(connection, turns));
    connection(connection);
    gracefulShutdownTimeoutMillis(0);
    decoupleCloseAndGoAway(true);
    validateHeaders(true);
    var advertised = new Http2Settings()
        .initialWindowSize(settings.streamWindowBytes())
        .maxHeaderListSize(settings.maxHeaderListBytes());
    if (server) {
      advertised.maxConcurrentStreams(settings.maxConcurrentStreams()).connectProtocolEnabled(true);
      decoderEnforceMaxRstFramesPerWindow(0, 0);
    } else {
      advertised.pushEnabled(false);
      decoderEnforceMaxRstFramesPerWindow(MAX_AGENT_RESETS, RESET_WINDOW_SECONDS);
    }
    encoderEnforceMaxRstFramesPerWindow(0, 0);
    initialSettings(advertised);
  }

  static Http2FrameCodecBuilder gatewayEnd(TunnelSettings settings) {
    return new TunnelCodecBuilder(false, settings);
  }

  static Http2FrameCodecBuilder agentEnd(TunnelSettings settings) {
    return new TunnelCodecBuilder(true, settings);
  }

  @Override
  protected Http2FrameCodecBuilder connection(Http2Connection connection) {
    return super.connection(connection);
  }
}
