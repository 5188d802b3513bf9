package dev.buildplane.http;

import io.netty.handler.codec.http2.DefaultHttp2Connection;
import io.netty.handler.codec.http2.DefaultHttp2LocalFlowController;
import io.netty.handler.codec.http2.DefaultHttp2RemoteFlowController;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.UniformStreamByteDistributor;

/// Builds the HTTP/2 codec of a connection that many share: stock Netty, but for its flow control.
/// - The connection's window is refilled at once: streams that nobody reads must not use up the window of all others.
/// - Streams that send at the same time take turns of a whole frame each. Netty's default is 1 KiB, which makes a frame, and at the
///   receiver a record and a system call, of every kibibyte. Priorities are not heeded (RFC 9113 section 5.3).
public class Http2CodecBuilder extends Http2FrameCodecBuilder {
  /// Half of the window used up sends an update (Netty's own default).
  private static final float REFILL_AT = 0.5f;

  public Http2CodecBuilder(boolean server) {
    var connection = new DefaultHttp2Connection(server);
    connection
        .local()
        .flowController(new DefaultHttp2LocalFlowController(connection, REFILL_AT, true));
    var turns = new UniformStreamByteDistributor(connection);
    turns.minAllocationChunk(Http2CodecUtil.DEFAULT_MAX_FRAME_SIZE);
    connection.remote().flowController(new DefaultHttp2RemoteFlowController(connection, turns));
    connection(connection);
  }
}
