package dev.buildplane.bench;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// HTTP/1.1 with keep-alive, reading just enough of an answer to know where it ends: most of a benchmark's processor time
/// should be the peer's.
final class Http1Link extends ChannelInboundHandlerAdapter implements Link {
  private static final int MAX_HEAD_BYTES = 64 * 1024;

  private enum Expecting {
    HEAD,
    BODY,
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILER
  }

  private final Channel channel;
  private final String authority;
  private final byte[] line = new byte[MAX_HEAD_BYTES];
  private int lineLength;
  private Expecting expecting = Expecting.HEAD;
  private long left;
  private @Nullable Answer answer;

  Http1Link(Channel channel, String authority) {
    this.channel = channel;
    this.authority = authority;
  }

  @Override
  public Channel channel() {
    return channel;
  }

  @Override
  public void start(Request request, Answer toAnswer) {
    answer = toAnswer;
    var head = new StringBuilder(256)
        .append(request.method())
        .append(' ')
        .append(request.path())
        .append(" HTTP/1.1\r\nhost: ")
        .append(authority)
        .append("\r\n");
    request
        .headers()
        .forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    if (!request.method().equals("GET")) {
      head.append("content-length: ").append(request.bodyBytes()).append("\r\n");
    }
    channel.writeAndFlush(
        Unpooled.wrappedBuffer(head.append("\r\n").toString().getBytes(ISO_8859_1)));
    Uploader.start(request, (block, _) -> channel.writeAndFlush(block));
  }

  /// HTTP/1.1 knows no other way than to hang up.
  @Override
  public void cancel() {
    answer = null;
    channel.close();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) throws IOException {
    var in = (ByteBuf) message;
    try {
      while (in.isReadable()) {
        take(in);
      }
    } finally {
      in.release();
    }
  }

  private void take(ByteBuf in) throws IOException {
    switch (expecting) {
      case HEAD -> {
        if (headEnds(in)) {
          head();
        }
      }
      case BODY -> {
        data(in);
        if (left == 0) {
          end();
        }
      }
      case CHUNK_SIZE -> {
        if (lineEnds(in)) {
          left = Long.parseLong(text(), 16);
          expecting = left > 0 ? Expecting.CHUNK : Expecting.TRAILER;
        }
      }
      case CHUNK -> {
        data(in);
        if (left == 0) {
          expecting = Expecting.CHUNK_END;
        }
      }
      case CHUNK_END -> {
        if (lineEnds(in)) {
          text();
          expecting = Expecting.CHUNK_SIZE;
        }
      }
      case TRAILER -> {
        if (lineEnds(in) && text().isEmpty()) {
          end();
        }
      }
    }
  }

  private boolean lineEnds(ByteBuf in) throws IOException {
    while (in.isReadable()) {
      if (append(in) == '\n') {
        return true;
      }
    }
    return false;
  }

  private boolean headEnds(ByteBuf in) throws IOException {
    while (in.isReadable()) {
      if (append(in) == '\n'
          && lineLength >= 4
          && line[lineLength - 3] == '\n'
          && line[lineLength - 2] == '\r') {
        return true;
      }
    }
    return false;
  }

  private byte append(ByteBuf in) throws IOException {
    if (lineLength == line.length) {
      throw new IOException("expected a head of at most " + MAX_HEAD_BYTES + " bytes");
    }
    var next = in.readByte();
    line[lineLength++] = next;
    return next;
  }

  private String text() {
    var text = new String(line, 0, lineLength, ISO_8859_1).strip();
    lineLength = 0;
    return text;
  }

  private void head() {
    var head = text().toLowerCase(Locale.ROOT);
    requireNonNull(answer).head(Integer.parseInt(head, 9, 12, 10));
    var length = head.indexOf("\r\ncontent-length:");
    if (length >= 0) {
      var from = length + "\r\ncontent-length:".length();
      var to = head.indexOf('\r', from);
      left = Long.parseLong(head.substring(from, to < 0 ? head.length() : to).strip());
      expecting = Expecting.BODY;
      if (left == 0) {
        end();
      }
    } else {
      expecting = Expecting.CHUNK_SIZE;
    }
  }

  private void data(ByteBuf in) {
    var bytes = (int) Math.min(in.readableBytes(), left);
    left -= bytes;
    requireNonNull(answer).body(in.readSlice(bytes));
  }

  private void end() {
    expecting = Expecting.HEAD;
    var ended = requireNonNull(answer);
    answer = null;
    ended.end();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    fail(new ClosedChannelException());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    fail(cause);
    ctx.close();
  }

  private void fail(Throwable cause) {
    var open = answer;
    answer = null;
    if (open != null) {
      open.failed(cause);
    }
  }
}
