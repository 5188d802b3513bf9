package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameStream;
import java.util.function.IntConsumer;

/// A DATA frame whose bytes count against the memory budget until it is released.
final class CountedData extends DefaultByteBufHolder implements Http2DataFrame {
  private final Http2DataFrame frame;
  private final StreamShare share;
  private final int cost;
  private final IntConsumer read;
  private boolean returned;

  /// References to this frame. Those to its content do not tell: it is a slice of a receive buffer that others hold parts of.
  private int references = 1;

  /// Takes over `frame`'s reference to its content.
  ///
  /// @param read told how many bytes the reader took; not of those nobody read
  CountedData(
      Http2DataFrame frame, ByteBuf content, StreamShare share, int cost, IntConsumer read) {
    super(content);
    this.frame = frame;
    this.share = share;
    this.cost = cost;
    this.read = read;
    share.take(cost);
  }

  /// Hands the content to the stream's reader, who must release it, and ends the count.
  ByteBuf takeContent() {
    giveBack();
    read.accept(content().readableBytes());
    return content();
  }

  private void giveBack() {
    if (!returned) {
      returned = true;
      share.giveBack(cost);
    }
  }

  @Override
  public boolean release() {
    return release(1);
  }

  @Override
  public boolean release(int decrement) {
    references -= decrement;
    if (references <= 0) {
      giveBack();
    }
    return super.release(decrement);
  }

  @Override
  public Http2FrameStream stream() {
    return frame.stream();
  }

  @Override
  public CountedData stream(Http2FrameStream stream) {
    frame.stream(stream);
    return this;
  }

  @Override
  public int padding() {
    return frame.padding();
  }

  @Override
  public int initialFlowControlledBytes() {
    return frame.initialFlowControlledBytes();
  }

  @Override
  public boolean isEndStream() {
    return frame.isEndStream();
  }

  @Override
  public String name() {
    return frame.name();
  }

  @Override
  public Http2DataFrame copy() {
    return replace(content().copy());
  }

  @Override
  public Http2DataFrame duplicate() {
    return replace(content().duplicate());
  }

  @Override
  public Http2DataFrame retainedDuplicate() {
    return replace(content().retainedDuplicate());
  }

  /// Copies are not counted: only the frame that waits in a queue is.
  @Override
  public Http2DataFrame replace(ByteBuf content) {
    return frame.replace(content);
  }

  @Override
  public CountedData retain() {
    return retain(1);
  }

  @Override
  public CountedData retain(int increment) {
    references += increment;
    super.retain(increment);
    return this;
  }

  @Override
  public CountedData touch() {
    super.touch();
    return this;
  }

  @Override
  public CountedData touch(Object hint) {
    super.touch(hint);
    return this;
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
