package dev.buildplane.http;

import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;

/// The HTTP/1.1 parser with every leniency off: what a proxy before or a server behind could read differently is an
/// error (RFC 9112 section 11.2, request smuggling).
final class StrictRequestDecoder extends HttpRequestDecoder {
  /// Largest piece of a body handed on at once, in bytes.
  private static final int MAX_PIECE_BYTES = 16 * 1024;

  StrictRequestDecoder(HttpLimits limits) {
    super(new HttpDecoderConfig()
        .setMaxInitialLineLength(limits.initialLineBytes())
        .setMaxHeaderSize(limits.headerBytes())
        .setMaxChunkSize(MAX_PIECE_BYTES)
        .setAllowDuplicateContentLengths(false)
        .setStrictLineParsing(true)
        .setUseRfc9112TransferEncoding(true));
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("both transfer-encoding and content-length");
  }
}
