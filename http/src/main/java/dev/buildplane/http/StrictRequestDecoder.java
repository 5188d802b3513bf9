package dev.buildplane.http;

import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;

/// The HTTP/1.1 parser with every leniency off: what a proxy before or a server behind could read differently is an
/// error (RFC 9112 section 11.2, request smuggling).
final class StrictRequestDecoder extends HttpRequestDecoder {
  /// Largest piece of a body handed on at once, in bytes.
  private static final int MAX_PIECE_BYTES = 16 * 1024;

  private int wordEnd;

  StrictRequestDecoder(HttpLimits limits) {
    super(new HttpDecoderConfig()
        .setMaxInitialLineLength(limits.initialLineBytes())
        .setMaxHeaderSize(limits.headerBytes())
        .setMaxChunkSize(MAX_PIECE_BYTES)
        .setAllowDuplicateContentLengths(false)
        .setStrictLineParsing(true)
        .setUseRfc9112TransferEncoding(true));
  }

  /// Words of the request line are one space apart (RFC 9112 section 3): what lets more or others through invites the next
  /// parser to find other words.
  @Override
  protected String splitFirstWordInitialLine(byte[] line, int start, int length) {
    wordEnd = start + length;
    return super.splitFirstWordInitialLine(line, start, length);
  }

  @Override
  protected String splitSecondWordInitialLine(byte[] line, int start, int length) {
    checkOneSpaceBefore(line, start);
    wordEnd = start + length;
    return super.splitSecondWordInitialLine(line, start, length);
  }

  @Override
  protected String splitThirdWordInitialLine(byte[] line, int start, int length) {
    checkOneSpaceBefore(line, start);
    return super.splitThirdWordInitialLine(line, start, length);
  }

  private void checkOneSpaceBefore(byte[] line, int start) {
    if (start != wordEnd + 1 || line[wordEnd] != ' ') {
      throw new IllegalArgumentException("expected one space between the words of a request line");
    }
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("both transfer-encoding and content-length");
  }
}
