package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import org.jspecify.annotations.Nullable;

/// One stream: HTTP/2 frames on the link's side, HTTP/1.1 objects on the owner's ([GatewayTunnel] and [AgentTunnel] hold the contract), its
/// window and its share of memory. The two ends differ in what a head means and in who upgrades.
///
/// A head is held back until content, the end of a flush or the end follows, so that a message without a body is one HEADERS frame with
/// END_STREAM. Runs on the tunnel's event loop.
abstract sealed class Http2Stream implements StreamChannel.Carrier
    permits GatewayStream, AgentStream {
  final TunnelConnection connection;
  private final Http2Link link;
  private final StreamChannel channel;
  private final Inflow inflow;
  private int id;
  private int sendWindowBytes;
  private @Nullable Http2Headers held;
  private @Nullable Object begun;
  private boolean raw;
  private boolean inboundEnded;
  private boolean outboundEnded;
  private boolean over;
  private boolean waits;
  private boolean reached;
  private long unwritableSince;

  Http2Stream(TunnelConnection connection, Http2Link link) {
    this.connection = connection;
    this.link = link;
    this.inflow = new Inflow(connection, bytes -> link.output().windowUpdate(id, bytes));
    this.channel = new StreamChannel(link.channel(), this);
  }

  /// Translates a head about to be sent.
  ///
  /// @throws TunnelException when it may not be sent now
  abstract Http2Headers headToSend(HttpMessage head) throws TunnelException;

  /// A header block came while none is open; hands up the head it means, and [#endInbound] if that was all.
  abstract void headCame(Http2Headers headers, boolean end) throws TunnelException;

  /// Whether the inbound message's head has come, so that another header block is its trailers.
  abstract boolean headHasCome();

  /// Whether content written now belongs to nothing: between an upgrade request and its answer.
  abstract boolean awaitsUpgrade();

  /// Whether the end of the inbound message was handed up with its head: an upgrade request has no body.
  abstract boolean requestWasWhole();

  /// Whether what comes is the answer, with whose end the owner has all he wanted.
  abstract boolean isAnswer();

  final StreamChannel channel() {
    return channel;
  }

  /// 0 until its first header block has been sent or has come.
  final int id() {
    return id;
  }

  final void opened(int streamId, int peerWindowBytes) {
    id = streamId;
    sendWindowBytes = peerWindowBytes;
  }

  final void openRawPipe() {
    raw = true;
  }

  /// Whether this end has done with it.
  final boolean over() {
    return over;
  }

  // ---- out

  @Override
  public final boolean write(Object message) throws TunnelException {
    if (over) {
      throw new TunnelException(TunnelException.Code.RESET, "the stream has ended");
    }
    return switch (message) {
      case ByteBuf bytes when raw -> data(bytes, false);
      case StreamEnd _ when raw -> data(Unpooled.EMPTY_BUFFER, true);
      case StreamAbort _ -> abort();
      case HttpMessage head -> head(head);
      case HttpContent content -> content(content);
      default ->
        throw new TunnelException(
            TunnelException.Code.PROTOCOL,
            "expected an HTTP message or, after a 101, bytes; found "
                + message.getClass().getSimpleName());
    };
  }

  private boolean head(HttpMessage head) throws TunnelException {
    if (begun != head) {
      releaseHeld();
      hold(head);
    }
    if (head instanceof LastHttpContent whole
        && !awaitsUpgrade()
        && !HeaderMapping.isInterim(held)) {
      begun = head;
      return content(whole);
    }
    return true;
  }

  private void hold(HttpMessage head) throws TunnelException {
    try {
      held = headToSend(head);
    } catch (TunnelException refused) {
      fail(refused);
      throw refused;
    } catch (Exception invalidField) {
      // Netty's headers throw what they do not declare as well.
      var why = new TunnelException(
          TunnelException.Code.PROTOCOL,
          "expected header fields that HTTP/2 carries: " + invalidField.getMessage());
      fail(why);
      throw why;
    }
  }

  private boolean content(HttpContent content) throws TunnelException {
    if (raw || awaitsUpgrade() || outboundEnded) {
      return discard(content);
    }
    if (!(content instanceof LastHttpContent last)) {
      return data(content.content(), false);
    }
    if (!last.trailingHeaders().isEmpty()) {
      return data(last.content(), false) && trailers(last);
    }
    if (held != null && !last.content().isReadable()) {
      return sendHeld(true);
    }
    return data(last.content(), true);
  }

  private boolean trailers(LastHttpContent last) throws TunnelException {
    releaseHeld();
    send(HeaderMapping.toHttp2(last.trailingHeaders()), true);
    return true;
  }

  /// Empty content where none belongs is the natural end of an HTTP/1.1 message and means nothing; bytes would be lost.
  private static boolean discard(HttpContent content) throws TunnelException {
    if (content.content().isReadable()) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "expected nothing more on this stream now, found content");
    }
    return true;
  }

  private boolean data(ByteBuf bytes, boolean end) throws TunnelException {
    if (outboundEnded) {
      throw new TunnelException(TunnelException.Code.PROTOCOL, "this direction has ended already");
    }
    releaseHeld();
    while (bytes.isReadable()) {
      int allowed = link.turns().allowance(this, sendWindowBytes);
      if (allowed <= 0) {
        return false;
      }
      int sent = Math.min(allowed, bytes.readableBytes());
      boolean last = end && sent == bytes.readableBytes();
      sendData(bytes, sent, last);
      outboundEnded = last;
    }
    if (end && !outboundEnded) {
      sendData(Unpooled.EMPTY_BUFFER, 0, true);
      outboundEnded = true;
    }
    endIfBothHave();
    return true;
  }

  private void sendData(ByteBuf from, int bytes, boolean end) {
    sendWindowBytes -= bytes;
    link.turns().sent(bytes);
    meter().sent().passed(bytes);
    link.output().data(id, from, bytes, end);
  }

  private void releaseHeld() throws TunnelException {
    if (held != null) {
      sendHeld(false);
    }
  }

  private boolean sendHeld(boolean end) throws TunnelException {
    var headers = held;
    held = null;
    if (headers != null) {
      send(headers, end);
    }
    return true;
  }

  private void send(Http2Headers headers, boolean end) throws TunnelException {
    try {
      link.headers(this, headers, end);
    } catch (TunnelException refused) {
      fail(refused);
      throw refused;
    }
    outboundEnded |= end;
    endIfBothHave();
  }

  /// For a refused upgrade, whose request had been left open for the bytes that now will not come.
  final void endRequest() {
    sendData(Unpooled.EMPTY_BUFFER, 0, true);
    outboundEnded = true;
  }

  private boolean abort() {
    if (id != 0 && !over) {
      end();
      link.output().reset(id, Http2Error.INTERNAL_ERROR);
      link.forget(this);
    }
    channel.closeLater(); // else it would wait for somebody to read what has come
    return true;
  }

  @Override
  public final void flushed() {
    try {
      releaseHeld();
    } catch (TunnelException refused) {
      // The owner has been told by its failure.
    }
    standsStill(channel.isOpen() && !channel.isWritable());
  }

  private void standsStill(boolean now) {
    unwritableSince = meter().sent().stands(unwritableSince, now);
  }

  private TunnelMeter meter() {
    return connection.settings().meter();
  }

  /// Notes that it waits for its turn; false if it did already.
  final boolean beginsToWait() {
    boolean before = waits;
    waits = true;
    return !before;
  }

  final boolean waits() {
    return waits;
  }

  /// It is its turn.
  final void resume() {
    waits = false;
    channel.resume();
  }

  final void windowGrew(int bytes) throws Http2Exception {
    if (bytes == 0) {
      violated(
          Http2Error.PROTOCOL_ERROR,
          new TunnelException(
              TunnelException.Code.PROTOCOL,
              "expected a window to grow, found WINDOW_UPDATE of 0"));
      return;
    }
    sendWindowBytes = SendTurns.grown(sendWindowBytes, bytes);
    channel.resume();
  }

  /// The window may become negative (RFC 9113 section 6.9.2).
  final void initialWindowChanged(int change) throws Http2Exception {
    sendWindowBytes = SendTurns.grown(sendWindowBytes, change);
    if (change > 0) {
      channel.resume();
    }
  }

  // ---- in

  final void headersCame(Http2Headers headers, boolean end) {
    try {
      if (raw || inboundEnded) {
        throw new TunnelException(
            TunnelException.Code.PROTOCOL, "expected no more header blocks, found one");
      }
      if (!headHasCome()) {
        inboundEnded = end; // before the owner sees it, who may have done with the stream then
        headCame(headers, end);
      } else if (!end) {
        throw new TunnelException(
            TunnelException.Code.PROTOCOL,
            "expected trailers to end the stream, found that they do not");
      } else {
        var last = new DefaultLastHttpContent();
        HeaderMapping.toHttp1(headers, last.trailingHeaders());
        inboundEnded = true;
        pass(last);
        endIfBothHave();
      }
    } catch (TunnelException e) {
      violated(Http2Error.PROTOCOL_ERROR, e);
    } catch (IllegalArgumentException invalidField) {
      violated(
          Http2Error.PROTOCOL_ERROR,
          new TunnelException(
              TunnelException.Code.PROTOCOL,
              "the peer sent an invalid header field: " + invalidField.getMessage()));
    }
  }

  /// Hands a message up, or queues it until the owner reads.
  final void pass(Object message) {
    if (!reached) {
      reached = true;
      link.reached(this);
    }
    channel.pass(message);
  }

  /// What came at once has been passed on.
  final void readComplete() {
    reached = false;
    channel.passed();
  }

  /// For [#headCame]: the block had END_STREAM, so no body follows.
  final void endInbound() {
    pass(raw ? StreamEnd.INSTANCE : LastHttpContent.EMPTY_LAST_CONTENT);
    endIfBothHave();
  }

  final void dataBegins(int length, int padding) {
    if (!inflow.begins(length)) {
      violated(
          Http2Error.FLOW_CONTROL_ERROR,
          new TunnelException(
              TunnelException.Code.PROTOCOL,
              "expected data within the stream's window, found more"));
    } else if (inboundEnded || (!raw && !headHasCome())) {
      violated(
          Http2Error.PROTOCOL_ERROR,
          new TunnelException(
              TunnelException.Code.PROTOCOL, "expected a header block, found data"));
    } else {
      inflow.consumed(padding);
    }
  }

  /// @param piece taken over
  final void dataCame(ByteBuf piece, boolean end) {
    int bytes = piece.readableBytes();
    meter().received().passed(bytes);
    inboundEnded = end;
    if (requestWasWhole() && !raw) {
      piece.release();
      inflow.consumed(bytes);
    } else if (bytes == 0) {
      pass(raw ? StreamEnd.INSTANCE : LastHttpContent.EMPTY_LAST_CONTENT);
    } else if (!inflow.mayTake(piece)) {
      piece.release();
      shed();
      return;
    } else {
      content(inflow.take(piece, end, channel.alloc()), end);
    }
    endIfBothHave();
  }

  private void content(ByteBuf bytes, boolean end) {
    if (!raw) {
      pass(end ? new DefaultLastHttpContent(bytes) : new DefaultHttpContent(bytes));
      return;
    }
    pass(bytes);
    if (end) {
      pass(StreamEnd.INSTANCE);
    }
  }

  @Override
  public final void read(int bytes) {
    if (bytes > 0) {
      inflow.read(bytes);
    }
  }

  // ---- failure

  /// To the peer a reset, to our own side a failure.
  final void violated(Http2Error code, TunnelException why) {
    if (!over) {
      end();
      link.output().reset(id, code);
      link.forget(this);
      channel.fail(why);
    }
  }

  /// Refuses a stream before anyone has seen it.
  final void refuse() {
    end();
    link.output().reset(id, Http2Error.REFUSED_STREAM);
    link.forget(this);
    channel.closeLater();
  }

  private void shed() {
    violated(
        Http2Error.ENHANCE_YOUR_CALM, TunnelException.ofReset(Http2Error.ENHANCE_YOUR_CALM.code()));
  }

  final void resetCame(long code) {
    ended(inboundEnded && isAnswer() ? null : TunnelException.ofReset(code));
  }

  /// The peer has said (GOAWAY) that it did not and will not take this stream.
  final void leftOut() {
    ended(new TunnelException(
        TunnelException.Code.REFUSED, "the peer was going away and did not take this stream"));
  }

  /// The connection has.
  final void lost(TunnelException why) {
    ended(inboundEnded && isAnswer() ? null : why);
  }

  /// Nothing more will come or go.
  ///
  /// @param why null: all that was to come has come, and the owner may read it yet
  private void ended(@Nullable TunnelException why) {
    if (over) {
      return;
    }
    end();
    link.forget(this);
    if (why == null) {
      channel.endAfterDelivery();
    } else {
      channel.fail(why);
    }
  }

  private void fail(TunnelException why) {
    if (!over) {
      end();
      if (id != 0) {
        link.output().reset(id, Http2Error.PROTOCOL_ERROR);
      }
      link.forget(this);
      channel.fail(why);
    }
  }

  private void endIfBothHave() {
    if (inboundEnded && outboundEnded) {
      ended(null);
    }
  }

  private void end() {
    over = true;
    held = null;
    inflow.end();
  }

  @Override
  public final void closed() {
    standsStill(false);
    inflow.drop();
    if (!over) {
      end();
      if (id != 0) {
        link.output().reset(id, Http2Error.CANCEL);
      }
      link.forget(this);
    }
  }
}
