package dev.buildplane.tunnel;

import io.netty.buffer.ByteBufHolder;
import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/// One exchange of a connection without streams of its own, as a channel: what the owner writes goes to a [Carrier], what the
/// carrier delivers is read as the owner asks for it (`autoRead`, `read()`), about [#READ_BYTES] at a time.
///
/// Runs on the event loop of the connection. Like any channel its `write`, `close`, `read` may be called from other threads;
/// [#deliver], [#endAfterDelivery] and [#fail] on the loop only.
final class StreamChannel extends AbstractChannel {
  static final int READ_BYTES = 64 << 10;

  private static final ChannelMetadata METADATA = new ChannelMetadata(false);

  /// The other side of the channel. Called on the loop.
  interface Carrier {
    /// The owner wrote `message`, which stays the channel's: what is needed of it is copied.
    ///
    /// @throws TunnelException fails the write
    void wrote(Object message) throws TunnelException;

    /// So many bytes of what was delivered have been read.
    void read(int bytes);

    /// The channel is closed, by whomever. Called once.
    void closed();
  }

  private final Carrier carrier;
  private final ChannelConfig config = new DefaultChannelConfig(this);
  private final ArrayDeque<Object> arrived = new ArrayDeque<>();
  private volatile boolean open = true;
  private volatile boolean registered;
  private boolean readAsked;
  private boolean endAfterDelivery;

  StreamChannel(Channel connection, Carrier carrier) {
    super(connection);
    this.carrier = carrier;
  }

  // ---- the carrier's side

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
    readAsked = false;
    int bytes = 0;
    for (var next = arrived.poll(); next != null; next = arrived.poll()) {
      int size = next instanceof ByteBufHolder holder ? holder.content().readableBytes() : 0;
      bytes += size;
      carrier.read(size);
      pipeline().fireChannelRead(next);
      if (bytes >= READ_BYTES) {
        break;
      }
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
    for (var message = in.current(); message != null; message = in.current()) {
      try {
        carrier.wrote(message);
        in.remove();
      } catch (TunnelException refused) {
        in.remove(refused);
      }
    }
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

  private final class Unsafe extends AbstractUnsafe {
    @Override
    public void connect(
        SocketAddress remoteAddress, SocketAddress localAddress, ChannelPromise promise) {
      promise.setFailure(
          new UnsupportedOperationException("a stream of a tunnel is opened by its connection"));
    }
  }
}
