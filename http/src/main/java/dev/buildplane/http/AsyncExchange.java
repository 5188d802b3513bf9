package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import java.util.Optional;
import java.util.function.Consumer;

/// One request and its answer for handlers that live on event loops; the same over HTTP/1.1 and HTTP/2.
///
/// All methods but [#eventLoop], [#head] and [#principal] are called on [#eventLoop] only.
public interface AsyncExchange {
  /// Interim answers passed on for one request. With the 100 they are five, the most that Go's client, and so `kubectl`, took before one answer until it
  /// bounded their bytes instead.
  int MAX_INTERIM = 4;

  /// Takes the request body, piece by piece, one per [AsyncExchange#demand].
  interface BodyReader {
    /// One piece; the receiver owns it and releases it. It may ask for the next from within.
    void onContent(ByteBuf piece);

    /// No more is at hand now, demanded or not. Who gathers pieces may let them go.
    default void onPause() {}

    /// The body is complete. Needs no demand. Also called at once for requests without a body.
    void onEnd(Headers trailers);

    /// The body went past the route's bound or the caller stopped sending: nothing more follows. Answer with it, or
    /// abort if the answer has begun.
    void onFailure(HttpProblem problem);
  }

  RequestHead head();

  /// Who the route's policy found the caller to be.
  Principal principal();

  EventLoop eventLoop();

  /// Whether it is known already that the request has no body, so that nobody needs to wait for its end.
  boolean bodyless();

  /// Sets who takes the body. Call it once, before the first [#demand].
  void receive(BodyReader reader);

  /// Asks for one more piece of the body; at most one [BodyReader#onContent] follows per call.
  void demand();

  /// An interim answer (RFC 9110 section 15.2) before that: 102 to 199. Does nothing where the caller would not know it (HTTP/1.0), does not take what
  /// it is sent already, or has been given [#MAX_INTERIM], and once [#answered].
  ///
  /// @throws IllegalArgumentException for another status; 100 is sent by [#demand], 101 by [#switchProtocols]
  void sendInterim(int status, Headers headers);

  /// The head of the answer. Without `content-length` the body is streamed until [#end]. Hop-by-hop headers are the
  /// server's own business and dropped.
  void sendHead(int status, Headers headers);

  /// Queues a piece of the answer's body and takes ownership of it; [#flush] puts it on the wire. The future completes
  /// when it is there.
  ChannelFuture send(ByteBuf piece);

  void flush();

  /// Whether more can be queued without piling up; see [#onWritable].
  boolean isWritable();

  /// Sets what runs each time the exchange becomes writable again.
  void onWritable(Runnable action);

  /// Ends the answer and flushes.
  void end(Headers trailers);

  /// A whole answer in one call.
  void respond(int status, Headers headers, byte[] body);

  /// Answers with an error in the server's format, with `retry-after` where that helps (429, 503); resets the stream when the answer's head has gone out already.
  void fail(HttpProblem problem);

  /// Cuts the exchange so that the caller cannot take a part for the whole: RST_STREAM, or closing the connection.
  void abort();

  /// Answers 101 to an upgrade request whose body has ended; 200 over HTTP/2, without what belongs to a connection of HTTP/1.1. From then on
  /// [BodyReader] gets, and [#send] puts, raw bytes; [#end] closes, dropping for a few seconds what the caller still sends. A caller that ends its
  /// direction alone is told by [BodyReader#onEnd], once more, as it was for the request (HTTP/2 only).
  ///
  /// @throws IllegalStateException for anything but a complete upgrade request that has no answer yet
  /// @throws HttpProblem 502 when `headers` do not confirm the key of a WebSocket that was made for an HTTP/2 caller; nothing was answered
  void switchProtocols(Headers headers);

  /// As [#switchProtocols], but HTTP/1.1 only, and hands over the connection itself: once 101 is on the wire `taker` gets the channel with nothing
  /// but TLS in its pipeline (and bytes the caller sent early are replayed into what `taker` adds). `onClose` actions
  /// run when the connection closes. autoRead is off: the taker turns it on.
  void takeOver(Headers headers, Consumer<Channel> taker);

  /// Runs `action` once, when the exchange is over for whatever reason; at once if it is over.
  void onClose(Runnable action);

  /// Why the server itself cut the exchange short, for logs; empty while it has not.
  default Optional<String> cutBecause() {
    return Optional.empty();
  }

  /// Whether the head of the answer has been sent.
  boolean answered();

  /// Whether the exchange is over; from any thread.
  boolean closed();
}
