package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;

/// Writes HTTP/2 frames (RFC 9113) of any kind in any order, and listens. Header blocks are literals without Huffman
/// coding. One thread writes; answers are taken in by a thread of its own, unless the peer is to be left unread.
public final class HostileHttp2 implements Closeable {
  public static final int DATA = 0;
  public static final int HEADERS = 1;
  public static final int PRIORITY = 2;
  public static final int RST_STREAM = 3;
  public static final int SETTINGS = 4;
  public static final int PUSH_PROMISE = 5;
  public static final int PING = 6;
  public static final int GOAWAY = 7;
  public static final int WINDOW_UPDATE = 8;
  public static final int CONTINUATION = 9;

  public static final int END_STREAM = 1;
  public static final int ACK = 1;
  public static final int END_HEADERS = 4;

  public static final int HEADER_TABLE_SIZE = 1;
  public static final int INITIAL_WINDOW_SIZE = 4;
  public static final int ENABLE_CONNECT_PROTOCOL = 8;

  /// What a stream or a connection that ended without an error code is given.
  public static final long NO_CODE = -1;

  private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  private static final int MAX_FRAME_BYTES = 1 << 24;
  private static final int[] STATIC_STATUS = {200, 204, 206, 304, 400, 404, 500};

  private final Closeable connection;
  private final InputStream in;
  private final OutputStream out;
  private final ConcurrentMap<Integer, CompletableFuture<Integer>> statuses =
      new ConcurrentHashMap<>();
  private final ConcurrentMap<Integer, CompletableFuture<Long>> resets = new ConcurrentHashMap<>();
  private final CompletableFuture<Integer> opened = new CompletableFuture<>();
  private final CompletableFuture<Long> end = new CompletableFuture<>();
  private final AtomicLong encoderTable = new AtomicLong(4096);
  private final AtomicLong frames = new AtomicLong();
  private int prefaceBytes;
  private volatile long goAway = NO_CODE;

  private HostileHttp2(Closeable connection, InputStream in, OutputStream out) {
    this.connection = connection;
    this.in = in;
    this.out = out;
  }

  /// A TLS connection with the preface, SETTINGS that switch dynamic tables off, and a reader.
  public static HostileHttp2 connect(int port, SSLContext context) throws IOException {
    var http2 = unread(port, context);
    http2.setting(HEADER_TABLE_SIZE, 0).flush();
    return http2.listen();
  }

  /// A TLS connection with nothing but the preface sent, whose answers nobody reads.
  public static HostileHttp2 unread(int port, SSLContext context) throws IOException {
    var raw = RawHttp.tls(port, context, "h2");
    var http2 = new HostileHttp2(raw, raw.in(), new java.io.BufferedOutputStream(raw.out(), 16384));
    http2.out.write(PREFACE.getBytes(ISO_8859_1));
    return http2;
  }

  /// The server's side, so without a preface, on streams that carry the connection; nobody listens yet.
  public static HostileHttp2 server(Closeable connection, InputStream in, OutputStream out) {
    var server = new HostileHttp2(connection, in, out);
    server.prefaceBytes = PREFACE.length();
    return server;
  }

  /// Starts taking in what the peer says.
  public HostileHttp2 listen() {
    Thread.ofVirtual().name("hostile-http2").start(this::readAll);
    return this;
  }

  public HostileHttp2 frame(int type, int flags, int stream, byte... payload) throws IOException {
    out.write(ByteBuffer.allocate(9)
        .put((byte) (payload.length >> 16))
        .putShort((short) payload.length)
        .put((byte) type)
        .put((byte) flags)
        .putInt(stream)
        .array());
    out.write(payload);
    return this;
  }

  public HostileHttp2 setting(int id, long value) throws IOException {
    return frame(
        SETTINGS,
        0,
        0,
        ByteBuffer.allocate(6).putShort((short) id).putInt((int) value).array());
  }

  public HostileHttp2 windowUpdate(int stream, int increment) throws IOException {
    return frame(
        WINDOW_UPDATE, 0, stream, ByteBuffer.allocate(4).putInt(increment).array());
  }

  public HostileHttp2 reset(int stream, int code) throws IOException {
    return frame(RST_STREAM, 0, stream, ByteBuffer.allocate(4).putInt(code).array());
  }

  /// One HEADERS frame with END_HEADERS.
  ///
  /// @param namesAndValues pairs, as they are to be on the wire
  public HostileHttp2 headers(int stream, boolean last, String... namesAndValues)
      throws IOException {
    return frame(HEADERS, END_HEADERS | (last ? END_STREAM : 0), stream, block(namesAndValues));
  }

  /// The usual four pseudo-headers.
  public HostileHttp2 request(int stream, boolean last, String method, String path, String... more)
      throws IOException {
    var all = new java.util.ArrayList<String>(java.util.List.of(
        ":method", method, ":scheme", "https", ":authority", "localhost", ":path", path));
    all.addAll(java.util.List.of(more));
    return headers(stream, last, all.toArray(String[]::new));
  }

  public HostileHttp2 flush() throws IOException {
    out.flush();
    return this;
  }

  /// A header block of literals that are not to be indexed (RFC 7541 section 6.2.2).
  public static byte[] block(String... namesAndValues) {
    var block = new ByteArrayOutputStream();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      block.write(0);
      text(block, namesAndValues[i]);
      text(block, namesAndValues[i + 1]);
    }
    return block.toByteArray();
  }

  private static void text(ByteArrayOutputStream to, String text) {
    var bytes = text.getBytes(ISO_8859_1);
    integer(to, bytes.length, 7);
    to.writeBytes(bytes);
  }

  private static void integer(ByteArrayOutputStream to, int value, int prefixBits) {
    int limit = (1 << prefixBits) - 1;
    if (value < limit) {
      to.write(value);
      return;
    }
    to.write(limit);
    int rest = value - limit;
    for (; rest >= 128; rest >>= 7) {
      to.write((rest & 0x7f) | 0x80);
    }
    to.write(rest);
  }

  // ---- what came back

  /// The status of a stream; 0 when the stream was reset or the connection ended before it had one.
  public int status(int stream) throws InterruptedException {
    return await(statuses.computeIfAbsent(stream, _ -> new CompletableFuture<>()), "a status");
  }

  /// The code a stream was reset with; [#NO_CODE] when the connection ended before that.
  public long resetCode(int stream) throws InterruptedException {
    return await(resets.computeIfAbsent(stream, _ -> new CompletableFuture<>()), "RST_STREAM");
  }

  /// The first stream the peer sent a header block on.
  public int opened() throws InterruptedException {
    return await(opened, "a header block");
  }

  /// Waits for the connection's end: the code of its GOAWAY, or [#NO_CODE] when it was cut without.
  public long end() throws InterruptedException {
    return await(end, "the connection's end");
  }

  public boolean ended() {
    return end.isDone();
  }

  /// Frames taken in.
  public long frames() {
    return frames.get();
  }

  /// The dynamic table size the peer's encoder last announced, in bytes.
  public long peerTableBytes() {
    return encoderTable.get();
  }

  private static <T> T await(CompletableFuture<T> what, String name) throws InterruptedException {
    try {
      return what.get(RawHttp.PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      throw new AssertionError("expected " + name + " from the peer, found none", e);
    }
  }

  private void readAll() {
    try (var data = new DataInputStream(in)) {
      data.readNBytes(prefaceBytes); // of the peer, when it is the client
      while (true) {
        int length = (data.readUnsignedByte() << 16) | data.readUnsignedShort();
        int type = data.readUnsignedByte();
        data.readUnsignedByte(); // flags
        int stream = data.readInt();
        if (length > MAX_FRAME_BYTES) {
          throw new IOException("frame of " + length + " bytes");
        }
        frames.incrementAndGet();
        took(type, stream, data.readNBytes(length));
      }
    } catch (IOException e) {
      // The end, in whichever way.
    }
    end.complete(goAway);
    statuses.values().forEach(status -> status.complete(0));
    resets.values().forEach(code -> code.complete(NO_CODE));
  }

  private void took(int type, int stream, byte[] payload) {
    switch (type) {
      case HEADERS -> {
        opened.complete(stream);
        int status = statusOf(ByteBuffer.wrap(payload));
        if (status >= 200) {
          statuses.computeIfAbsent(stream, _ -> new CompletableFuture<>()).complete(status);
        }
      }
      case RST_STREAM -> {
        resets
            .computeIfAbsent(stream, _ -> new CompletableFuture<>())
            .complete(ByteBuffer.wrap(payload).getInt() & 0xffff_ffffL);
        statuses.computeIfAbsent(stream, _ -> new CompletableFuture<>()).complete(0);
      }
      case GOAWAY ->
        goAway = Math.max(goAway, ByteBuffer.wrap(payload, 4, 4).getInt() & 0xffff_ffffL);
      default -> {
        // SETTINGS, PING and windows: this peer does not care.
      }
    }
  }

  /// The status that opens every answer's block: size updates, then an indexed field or a literal. -1 for other fields.
  private int statusOf(ByteBuffer block) {
    int first = block.get() & 0xff;
    while ((first & 0xe0) == 0x20) {
      encoderTable.set(integer(block, first, 5));
      first = block.get() & 0xff;
    }
    if ((first & 0x80) != 0) {
      int index = integer(block, first, 7);
      return index >= 8 && index < 8 + STATIC_STATUS.length ? STATIC_STATUS[index - 8] : -1;
    }
    int prefix = (first & 0x40) != 0 ? 6 : 4;
    if (integer(block, first, prefix) != 8) {
      return -1;
    }
    var value = new byte[block.get() & 0x7f];
    block.get(value);
    return Integer.parseInt(new String(value, ISO_8859_1));
  }

  private static int integer(ByteBuffer from, int first, int prefixBits) {
    int limit = (1 << prefixBits) - 1;
    int value = first & limit;
    if (value < limit) {
      return value;
    }
    for (int shift = 0; ; shift += 7) {
      int next = from.get() & 0xff;
      value += (next & 0x7f) << shift;
      if ((next & 0x80) == 0) {
        return value;
      }
    }
  }

  @Override
  public void close() throws IOException {
    connection.close();
  }
}
