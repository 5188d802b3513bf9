package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/// A WebSocket (RFC 6455) made of bytes on a socket, for peers of tests: it writes what it is told, right or wrong, and knows
/// nothing of the product's own codecs. Writing is safe from any thread, reading is one thread's.
public final class RawWebSocket implements Closeable {
  public static final int CONTINUATION = 0;
  public static final int TEXT = 1;
  public static final int BINARY = 2;
  public static final int CLOSE = 8;
  public static final int PING = 9;
  public static final int PONG = 10;

  private static final String ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final byte[] MASK = {0x12, 0x34, 0x56, 0x78};

  /// One frame as it came, unmasked.
  public record Frame(boolean fin, int opcode, byte[] payload) {
    public String text() {
      return new String(payload, UTF_8);
    }

    /// Of a close frame; 1005 when it has none.
    public int closeCode() {
      return payload.length < 2 ? 1005 : ByteBuffer.wrap(payload).getShort() & 0xffff;
    }
  }

  /// The first line and the fields of an HTTP head, names in lower case.
  public record Head(String line, Map<String, String> fields) {}

  private final Closeable connection;
  private final OutputStream out;
  private final DataInputStream in;
  private final boolean masking;
  private final ReentrantLock writing = new ReentrantLock();

  private RawWebSocket(Closeable connection, InputStream in, OutputStream out, boolean client) {
    this.connection = connection;
    this.in = new DataInputStream(in);
    this.out = out;
    this.masking = client;
  }

  private RawWebSocket(Socket socket, boolean client) throws IOException {
    this(socket, socket.getInputStream(), socket.getOutputStream(), client);
  }

  /// The client's end after a handshake made elsewhere.
  public static RawWebSocket client(Closeable connection, InputStream in, OutputStream out) {
    return new RawWebSocket(connection, in, out, true);
  }

  /// The client's end of a handshake without sub-protocol.
  ///
  /// @throws IOException when the server does not answer 101; the message begins with its status line
  public static RawWebSocket client(Socket socket, String requestTarget) throws IOException {
    var key = Base64.getEncoder().encodeToString("0123456789abcdef".getBytes(UTF_8));
    write(
        socket,
        "GET " + requestTarget + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            + "Connection: Upgrade\r\nSec-WebSocket-Key: " + key
            + "\r\nSec-WebSocket-Version: 13\r\n\r\n");
    var answer = head(socket.getInputStream());
    if (!answer.line().startsWith("HTTP/1.1 101 ")) {
      throw new IOException(answer.line());
    }
    if (!accept(key).equals(answer.fields().get("sec-websocket-accept"))) {
      throw new IOException("wrong Sec-WebSocket-Accept");
    }
    if (answer.fields().containsKey("sec-websocket-protocol")) {
      throw new IOException("a sub-protocol was chosen that was not offered");
    }
    return new RawWebSocket(socket, true);
  }

  /// The server's end, once it has read the request: chooses no sub-protocol whatever is offered.
  public static RawWebSocket server(Socket socket, Head request) throws IOException {
    write(
        socket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: "
            + accept(request.fields().getOrDefault("sec-websocket-key", "")) + "\r\n\r\n");
    return new RawWebSocket(socket, false);
  }

  /// Reads up to the empty line and not a byte further.
  public static Head head(InputStream in) throws IOException {
    var bytes = new ByteArrayOutputStream();
    while (!bytes.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0) {
        throw new EOFException("closed within a head: " + bytes.toString(ISO_8859_1));
      }
      bytes.write(next);
    }
    var lines = bytes.toString(ISO_8859_1).split("\r\n");
    var fields = new TreeMap<String, String>();
    for (int i = 1; i < lines.length; i++) {
      int colon = lines[i].indexOf(':');
      fields.put(
          lines[i].substring(0, colon).toLowerCase(Locale.ROOT),
          lines[i].substring(colon + 1).strip());
    }
    return new Head(lines[0], fields);
  }

  private static void write(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
  }

  /// What confirms the key of a handshake.
  public static String accept(String key) {
    try {
      return Base64.getEncoder()
          .encodeToString(
              MessageDigest.getInstance("SHA-1").digest((key + ACCEPT_GUID).getBytes(ISO_8859_1)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has SHA-1", e);
    }
  }

  /// One whole text message in one frame.
  public void text(String text) throws IOException {
    frame(true, TEXT, text.getBytes(UTF_8));
  }

  /// One frame with the right masking.
  public void frame(boolean fin, int opcode, byte[] payload) throws IOException {
    raw(encode(fin, opcode, payload, masking));
  }

  /// Bytes as they are.
  public void raw(byte[] bytes) throws IOException {
    writing.lock();
    try {
      out.write(bytes);
      out.flush();
    } finally {
      writing.unlock();
    }
  }

  /// The bytes of one frame.
  public static byte[] encode(boolean fin, int opcode, byte[] payload, boolean masked) {
    var out = ByteBuffer.allocate(14 + payload.length);
    out.put((byte) ((fin ? 0x80 : 0) | opcode));
    int maskBit = masked ? 0x80 : 0;
    if (payload.length < 126) {
      out.put((byte) (maskBit | payload.length));
    } else if (payload.length <= 0xffff) {
      out.put((byte) (maskBit | 126)).putShort((short) payload.length);
    } else {
      out.put((byte) (maskBit | 127)).putLong(payload.length);
    }
    if (masked) {
      out.put(MASK);
    }
    for (int i = 0; i < payload.length; i++) {
      out.put((byte) (masked ? payload[i] ^ MASK[i & 3] : payload[i]));
    }
    var bytes = new byte[out.position()];
    out.flip().get(bytes);
    return bytes;
  }

  /// The next frame; waits for it.
  ///
  /// @throws EOFException when the peer has closed
  public Frame read() throws IOException {
    int first = in.readUnsignedByte();
    int second = in.readUnsignedByte();
    long length = second & 0x7f;
    if (length == 126) {
      length = in.readUnsignedShort();
    } else if (length == 127) {
      length = in.readLong();
    }
    boolean masked = (second & 0x80) != 0;
    if (masked == masking) {
      throw new IOException("a frame of the peer is masked wrongly");
    }
    var mask = new byte[4];
    if (masked) {
      in.readFully(mask);
    }
    var payload = new byte[Math.toIntExact(length)];
    in.readFully(payload);
    for (int i = 0; masked && i < payload.length; i++) {
      payload[i] ^= mask[i & 3];
    }
    return new Frame((first & 0x80) != 0, first & 0x0f, payload);
  }

  @Override
  public void close() throws IOException {
    connection.close();
  }
}
