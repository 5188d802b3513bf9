package dev.buildplane.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SpreadingGroupTest {
  private static final IoHandlerFactory IO = NioIoHandler.newFactory();

  private final SpreadingGroup group =
      new SpreadingGroup(2, new DefaultThreadFactory("spreading", true), IO);
  private final BlockingQueue<Channel> accepted = new LinkedBlockingQueue<>();
  private final List<Socket> sockets = new ArrayList<>();
  private int port;

  @BeforeEach
  void listen() {
    var listener = new ServerBootstrap()
        .group(group)
        .channel(NioServerSocketChannel.class)
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            accepted.add(channel);
          }
        })
        .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .syncUninterruptibly()
        .channel();
    port = ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @AfterEach
  void end() throws IOException {
    for (var socket : sockets) {
      socket.close();
    }
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  @Test
  void twoConnectionsOfAnAddressRunOnTwoLoopsWhateverCameBetween() throws Exception {
    var first = connectFrom("127.0.0.1");
    connectFrom("127.0.0.3");
    var second = connectFrom("127.0.0.1");
    assertNotSame(first.eventLoop(), second.eventLoop());
  }

  @Test
  void aConnectionTakesThePlaceOfOneThatHasEnded() throws Exception {
    var first = connectFrom("127.0.0.1");
    var second = connectFrom("127.0.0.1");
    connectFrom("127.0.0.3"); // turns Netty's own order round
    var loop = second.eventLoop();
    second.close().sync();
    var third = connectFrom("127.0.0.1");
    assertEquals(loop, third.eventLoop());
    assertNotSame(first.eventLoop(), third.eventLoop());
  }

  @Test
  void manyConnectionsOfAnAddressAreSpreadEvenly() throws Exception {
    int onOne = 0;
    var one = connectFrom("127.0.0.1").eventLoop();
    for (int i = 1; i < 20; i++) {
      onOne += connectFrom("127.0.0.1").eventLoop() == one ? 1 : 0;
    }
    assertEquals(9, onOne);
  }

  private Channel connectFrom(String address) throws Exception {
    var socket =
        new Socket(InetAddress.getLoopbackAddress(), port, InetAddress.getByName(address), 0);
    sockets.add(socket);
    var channel = accepted.poll(20, TimeUnit.SECONDS);
    assertEquals(socket.getLocalPort(), ((InetSocketAddress) channel.remoteAddress()).getPort());
    return channel;
  }
}
