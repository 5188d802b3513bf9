package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.spdy.SpdySynStreamFrame;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// port-forward: each connection of the caller is a pair of streams, `error` and `data`, that share a request id; `data` is joined with a TCP
/// connection to that port on the loopback interface. Neither side is read while the other cannot take more.
final class SpdyPortForward extends SpdyStreams {
  private final Map<String, Integer> errors = new HashMap<>();
  private final Map<Integer, Joint> joints = new HashMap<>();

  @Override
  void opened(int stream, String type, SpdySynStreamFrame frame) {
    var request = header(frame, "requestid");
    if (type.equals("error")) {
      errors.put(request, stream);
    } else {
      joints.put(
          stream,
          new Joint(
              stream, errors.getOrDefault(request, 0), Integer.parseInt(header(frame, "port"))));
    }
  }

  @Override
  void data(int stream, ByteBuf bytes) {
    var joint = joints.get(stream);
    if (joint != null) {
      joint.toSocket(bytes.retain());
    }
  }

  @Override
  void ended(int stream) {
    var joint = joints.get(stream);
    if (joint != null) {
      joint.callerEnded();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    joints.values().forEach(Joint::follow);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    joints.values().forEach(Joint::drop);
    joints.clear();
  }

  /// One stream and its socket, on one event loop.
  private final class Joint extends ChannelInboundHandlerAdapter {
    private final int stream;
    private final int error;
    private final ArrayDeque<ByteBuf> early = new ArrayDeque<>();
    private @Nullable Channel socket;
    private boolean callerEnded;

    Joint(int stream, int error, int port) {
      this.stream = stream;
      this.error = error;
      var connecting = new Bootstrap()
          .group(context().channel().eventLoop())
          .channel(NioSocketChannel.class)
          .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
          .handler(this)
          .connect("127.0.0.1", port);
      connecting.addListener(done -> {
        if (done.isSuccess()) {
          connected(connecting.channel());
        } else {
          refused(String.valueOf(done.cause().getMessage()));
        }
      });
    }

    private void connected(Channel to) {
      socket = to;
      early.forEach(to::write);
      early.clear();
      to.flush();
      if (callerEnded) {
        ((DuplexChannel) to).shutdownOutput();
      }
    }

    private void refused(String why) {
      drop();
      send(error, Unpooled.copiedBuffer("error forwarding port: " + why, UTF_8));
      end(error);
      end(stream);
    }

    void toSocket(ByteBuf bytes) {
      if (socket == null) {
        early.add(bytes);
      } else {
        socket.writeAndFlush(bytes);
        follow();
      }
    }

    void callerEnded() {
      callerEnded = true;
      if (socket instanceof DuplexChannel duplex) {
        duplex.shutdownOutput();
      }
    }

    void follow() {
      if (socket != null) {
        socket.config().setAutoRead(context().channel().isWritable());
        context().channel().config().setAutoRead(socket.isWritable());
      }
    }

    void drop() {
      early.forEach(ByteBuf::release);
      early.clear();
      if (socket != null) {
        socket.close();
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      send(stream, (ByteBuf) msg);
      follow();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      follow();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof ChannelInputShutdownEvent) {
        ctx.close();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (joints.remove(stream) != null) {
        end(stream);
        end(error);
        context().channel().config().setAutoRead(true);
      }
    }
  }
}
