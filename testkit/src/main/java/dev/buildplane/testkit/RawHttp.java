package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/// A client that sends the bytes it is given, well-formed or not, and reads answers of HTTP/1.1. One thread at a time;
/// every read is bounded by [#PATIENCE_MILLIS].
public final class RawHttp implements Closeable {
  public static final int PATIENCE_MILLIS = 30_000;

  private static final int MAX_HEAD_BYTES = 256 * 1024;

  /// One answer.
  ///
  /// @param head status line and header lines as they came
  public record Answer(int status, String head, String body) {
    /// The first value of a header, by its lower-case name.
    public Optional<String> header(String name) {
      return head.lines()
          .skip(1)
          .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
          .map(line -> line.substring(name.length() + 1).strip())
          .findFirst();
    }
  }

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  private RawHttp(Socket socket) throws IOException {
    this.socket = socket;
    socket.setSoTimeout(PATIENCE_MILLIS);
    this.in = socket.getInputStream();
    this.out = socket.getOutputStream();
  }

  public static RawHttp plain(int port) throws IOException {
    return new RawHttp(new Socket(InetAddress.getLoopbackAddress(), port));
  }

  /// A TLS connection to `localhost`, past its handshake.
  public static RawHttp tls(int port, SSLContext context, String... protocols) throws IOException {
    var socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port);
    var parameters = socket.getSSLParameters();
    parameters.setApplicationProtocols(protocols);
    socket.setSSLParameters(parameters);
    socket.setSoTimeout(PATIENCE_MILLIS);
    socket.startHandshake();
    return new RawHttp(socket);
  }

  /// Sends text, one byte per character.
  public RawHttp send(String text) throws IOException {
    return send(text.getBytes(ISO_8859_1));
  }

  public RawHttp send(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
    return this;
  }

  public InputStream in() {
    return in;
  }

  public OutputStream out() {
    return out;
  }

  /// The next final answer, or 101.
  ///
  /// @throws IOException when the peer closes before
  public Answer read() throws IOException {
    while (true) {
      var head = head();
      int status = Integer.parseInt(head.substring(9, 12));
      var bare = new Answer(status, head, "");
      if (status == 101 || status == 204 || status == 304) {
        return bare;
      }
      if (status >= 200) {
        return new Answer(status, head, body(bare));
      }
    }
  }

  /// The head of the next answer, whatever its status: all there is of an answer to HEAD.
  public Answer readHead() throws IOException {
    var head = head();
    return new Answer(Integer.parseInt(head.substring(9, 12)), head, "");
  }

  /// Every answer until the peer closes, in order.
  public List<Answer> readAll() throws IOException {
    var answers = new ArrayList<Answer>();
    while (true) {
      try {
        answers.add(read());
      } catch (PeerClosed e) {
        return answers;
      }
    }
  }

  /// Whether the peer closes, or resets, without another byte.
  public boolean closes() throws IOException {
    try {
      return in.read() < 0;
    } catch (java.net.SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true; // a reset, or TLS cut short
    }
  }

  private String head() throws IOException {
    var head = new ByteArrayOutputStream();
    while (!head.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0 && head.size() == 0) {
        throw new PeerClosed();
      }
      if (next < 0 || head.size() > MAX_HEAD_BYTES) {
        throw new IOException("expected the head of an answer, found '" + head + "'");
      }
      head.write(next);
    }
    return head.toString(ISO_8859_1);
  }

  private String body(Answer head) throws IOException {
    var length = head.header("content-length");
    if (length.isPresent()) {
      return new String(in.readNBytes(Integer.parseInt(length.get())), ISO_8859_1);
    }
    if (head.header("transfer-encoding").isEmpty()) {
      return new String(in.readAllBytes(), ISO_8859_1);
    }
    var body = new StringBuilder();
    for (int size = chunkSize(); size > 0; size = chunkSize()) {
      body.append(new String(in.readNBytes(size), ISO_8859_1));
      line();
    }
    for (var trailer = line(); !trailer.isEmpty(); trailer = line()) {
      body.append("\ntrailer ").append(trailer);
    }
    return body.toString();
  }

  private int chunkSize() throws IOException {
    return Integer.parseInt(line().strip(), 16);
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        throw new IOException("expected a line, found the end after '" + line + "'");
      }
      line.append((char) next);
    }
    return line.toString().strip();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }

  /// The peer closed between two answers.
  public static final class PeerClosed extends IOException {
    PeerClosed() {
      super("the peer closed the connection");
    }
  }
}
