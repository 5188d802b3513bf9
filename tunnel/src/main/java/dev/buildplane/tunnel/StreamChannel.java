package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelId;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One exchange of a connection, as a channel: what the owner writes goes to a [Carrier], what the carrier delivers is read as the owner asks for it
/// (`autoRead`, `read()`), about [#READ_BYTES] at a time.
///
/// Runs on the event loop of the connection. Like any channel its `write`, `close`, `read` may be called from other threads; what the carrier
/// calls, on the loop only.
final class StreamChannel extends AbstractChannel {
  static final int READ_BYTES = 64 << 10;

  private static final Logger LOG = LoggerFactory.getLogger(StreamChannel.class);

  private static final ChannelMetadata METADATA = new ChannelMetadata(false);

  /// Reads are of messages; no buffer is ever allocated by it.
  private static final RecvByteBufAllocator UNUSED = new FixedRecvByteBufAllocator(1);

  /// The other side of the channel. Called on the loop.
  interface Carrier {
    /// The owner wrote `message`, which stays the channel's: what is needed of it is copied or retained.
    ///
    /// @return whether all of it has been taken; if not, the same message is offered again after [#resume], before any other
    /// @throws TunnelException fails the write
    boolean write(Object message) throws TunnelException;

    /// No more is written now.
    default void flushed() {}

    /// So many bytes of what was delivered have been read.
    void read(int bytes);

    /// The channel is closed, by whomever. Called once.
    void closed();
  }

  private final Carrier carrier;
  private final ChannelConfig config = new Config();
  private final ArrayDeque<Object> arrived = new ArrayDeque<>();
  private volatile boolean open = true;
  private volatile boolean registered;
  private boolean readAsked;
  private boolean readBegun;
  private int readBytes;
  private boolean endAfterDelivery;

  StreamChannel(Channel connection, Carrier carrier) {
    super(connection);
    this.carrier = carrier;
  }

  // ---- the carrier's side

  /// As [#deliver], but the owner has it at once if he has asked for it. [#passed] must follow when no more is at hand.
  void pass(Object message) {
    if (readBytes >= READ_BYTES) {
      endRead(); // an owner that keeps up asks for the next one now, and nothing waits
    }
    if (!open) {
      ReferenceCountUtil.release(message);
    } else if (readAsked && arrived.isEmpty()) {
      hand(message);
    } else {
      arrived.add(message);
    }
  }

  /// All that is at hand has been passed: ends what the owner sees as one read.
  void passed() {
    if (readBegun) {
      endRead();
    }
  }

  /// What the owner wrote may be taken now.
  void resume() {
    if (open) {
      ((Unsafe) unsafe()).flush0();
    }
  }

  /// Queues a message for the owner, who will own it.
  void deliver(Object message) {
    if (!open) {
      ReferenceCountUtil.release(message);
      return;
    }
    arrived.add(message);
    if (readAsked) {
      later(this::readArrived);
    }
  }

  /// Closes the channel once everything delivered has been read.
  void endAfterDelivery() {
    endAfterDelivery = true;
    if (arrived.isEmpty()) {
      closeLater();
    }
  }

  /// Tells the owner why nothing more will come, and closes.
  void fail(TunnelException why) {
    if (open) {
      pipeline().fireExceptionCaught(why);
      closeLater();
    }
  }

  /// Not from within a write: what is being written must be done with first.
  void closeLater() {
    later(this::close);
  }

  private void later(Runnable task) {
    try {
      eventLoop().execute(task);
    } catch (RejectedExecutionException loopIsGone) {
      unsafe().closeForcibly();
    }
  }

  private void readArrived() {
    if (!open || !readAsked || arrived.isEmpty()) {
      return;
    }
    while (open && readBytes < READ_BYTES && !arrived.isEmpty()) {
      hand(arrived.remove());
    }
    endRead();
  }

  private void hand(Object message) {
    int size = size(message);
    readBegun = true;
    readBytes += size;
    carrier.read(size);
    if (message instanceof StreamEnd) {
      pipeline().fireUserEventTriggered(message);
    } else {
      pipeline().fireChannelRead(message);
    }
  }

  private static int size(Object message) {
    return switch (message) {
      case ByteBuf bytes -> bytes.readableBytes();
      case ByteBufHolder holder -> holder.content().readableBytes();
      default -> 0;
    };
  }

  private void endRead() {
    readBegun = false;
    readAsked = false;
    readBytes = 0;
    if (!open) {
      return;
    }
    pipeline().fireChannelReadComplete();
    if (endAfterDelivery && arrived.isEmpty()) {
      closeLater();
    }
  }

  // ---- what a channel is

  @Override
  protected void doBeginRead() {
    readAsked = true;
    if (!arrived.isEmpty()) {
      later(this::readArrived);
    }
  }

  @Override
  protected void doWrite(ChannelOutboundBuffer in) {
    for (var message = in.current(); message != null && open; message = in.current()) {
      try {
        if (!carrier.write(message)) {
          break;
        }
        in.remove();
      } catch (TunnelException refused) {
        in.remove(refused);
      } catch (RuntimeException unexpected) {
        // Thrown on, it would leave the stream open and mute.
        LOG.error("a {} could not be sent", message.getClass().getSimpleName(), unexpected);
        in.remove(unexpected);
        fail(new TunnelException(
            TunnelException.Code.PROTOCOL, "what was written cannot be sent: " + unexpected));
      }
    }
    carrier.flushed();
  }

  @Override
  protected void doClose() {
    if (!open) {
      return;
    }
    open = false;
    arrived.forEach(ReferenceCountUtil::release);
    arrived.clear();
    carrier.closed();
  }

  @Override
  protected void doRegister(ChannelPromise promise) {
    registered = true;
    promise.setSuccess();
  }

  @Override
  protected void doDeregister() {
    // It was only ever known to its loop as a source of tasks.
  }

  @Override
  protected void doBind(SocketAddress localAddress) {
    throw new UnsupportedOperationException("a stream of a tunnel has no address of its own");
  }

  @Override
  protected void doDisconnect() {
    doClose();
  }

  @Override
  protected AbstractUnsafe newUnsafe() {
    return new Unsafe();
  }

  @Override
  protected boolean isCompatible(EventLoop loop) {
    return true;
  }

  @Override
  protected @Nullable SocketAddress localAddress0() {
    return parent().localAddress();
  }

  @Override
  protected @Nullable SocketAddress remoteAddress0() {
    return parent().remoteAddress();
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public boolean isActive() {
    return open && registered;
  }

  @Override
  public ChannelMetadata metadata() {
    return METADATA;
  }

  @Override
  protected ChannelId newId() {
    return new Id();
  }

  /// Cheaper than Netty's, which is unique in the world. Nobody looks for a stream by it.
  private static final class Id implements ChannelId {
    private static final AtomicLong LAST = new AtomicLong();

    private final long number = LAST.incrementAndGet();

    @Override
    public String asShortText() {
      return "stream-" + number;
    }

    @Override
    public String asLongText() {
      return asShortText();
    }

    @Override
    public int compareTo(ChannelId other) {
      return other instanceof Id id
          ? Long.compare(number, id.number)
          : asLongText().compareTo(other.asLongText());
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(number);
    }

    @Override
    public String toString() {
      return asShortText();
    }
  }

  private final class Config extends DefaultChannelConfig {
    Config() {
      super(StreamChannel.this, UNUSED);
    }

    /// What the channel asked for by itself is not wanted any more.
    @Override
    protected void autoReadCleared() {
      if (!registered || eventLoop().inEventLoop()) {
        readAsked = false;
      } else {
        later(() -> readAsked &= isAutoRead());
      }
    }
  }

  private final class Unsafe extends AbstractUnsafe {
    @Override
    protected void flush0() {
      super.flush0();
    }

    @Override
    public void connect(
        SocketAddress remoteAddress, SocketAddress localAddress, ChannelPromise promise) {
      promise.setFailure(
          new UnsupportedOperationException("a stream of a tunnel is opened by its connection"));
    }
  }
}
