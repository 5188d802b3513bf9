package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLServerSocket;

/// A backend with TLS that keeps every byte it gets and answers by path, with answers a friendly server would not give.
///
/// `/status/NNN`: that status; `/redirect`: 302 to a metadata address; `/trailers`: chunked, with trailers; `/early`: 103
/// first; `/switch`: 101, then an echo; `/hold`: nothing; anything else: 200 `hello`.
public final class RecordingTarget implements AutoCloseable {
  /// One request as it came.
  ///
  /// @param head request line and header lines, without the empty line
  /// @param trailers trailer lines of a chunked body
  public record Seen(String head, String body, List<String> trailers) {
    public String requestLine() {
      return head.substring(0, head.indexOf("\r\n"));
    }

    /// Header lines without their values, in lower case, sorted.
    public List<String> names() {
      return head.lines()
          .skip(1)
          .map(line -> line.substring(0, line.indexOf(':')).toLowerCase(Locale.ROOT))
          .sorted()
          .toList();
    }

    public List<String> values(String name) {
      return head.lines()
          .skip(1)
          .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
          .map(line -> line.substring(name.length() + 1).strip())
          .toList();
    }
  }

  private final SSLServerSocket listener;
  private final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();
  private final ConcurrentLinkedQueue<ByteArrayOutputStream> raw = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<Socket> open = new ConcurrentLinkedQueue<>();

  public RecordingTarget(Identity identity) throws IOException {
    listener = (SSLServerSocket) TestTls.context(identity, new TrustBundle(identity.chain()))
        .getServerSocketFactory()
        .createServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().name("recording-target").start(this::accept);
  }

  public int port() {
    return listener.getLocalPort();
  }

  /// The next request in order of arrival.
  ///
  /// @throws AssertionError when none comes within 30 s
  public Seen next() throws InterruptedException {
    var next = seen.poll(RawHttp.PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    if (next == null) {
      throw new AssertionError("expected a request at the target, found none");
    }
    return next;
  }

  /// Requests not taken by [#next] yet.
  public List<Seen> waiting() {
    return List.copyOf(seen);
  }

  public void forget() {
    seen.clear();
    raw.forEach(ByteArrayOutputStream::reset);
  }

  /// Every byte received over all connections since [#forget].
  public String raw() {
    var all = new StringBuilder();
    raw.forEach(bytes -> all.append(bytes.toString(ISO_8859_1)));
    return all.toString();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var socket = listener.accept();
        open.add(socket);
        Thread.ofVirtual().name("recording-target-connection").start(() -> serve(socket));
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      var kept = new ByteArrayOutputStream();
      raw.add(kept);
      var in = new Keeping(socket.getInputStream(), kept);
      for (var request = read(in); request != null; request = read(in)) {
        seen.add(request);
        answer(request, in, socket.getOutputStream());
      }
    } catch (IOException e) {
      // The gateway's side cut the connection: what came is on record.
    }
  }

  private static @org.jspecify.annotations.Nullable Seen read(Keeping in) throws IOException {
    var head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        return null;
      }
      head.append((char) next);
    }
    head.setLength(head.length() - 2);
    var bare = new Seen(head.toString(), "", List.of());
    if (!bare.values("transfer-encoding").isEmpty()) {
      return chunked(in, bare);
    }
    var lengths = bare.values("content-length");
    int length = lengths.isEmpty() ? 0 : Integer.parseInt(lengths.getFirst());
    return new Seen(bare.head(), new String(in.readNBytes(length), ISO_8859_1), List.of());
  }

  private static Seen chunked(Keeping in, Seen bare) throws IOException {
    var body = new StringBuilder();
    for (int size = Integer.parseInt(in.line(), 16);
        size > 0;
        size = Integer.parseInt(in.line(), 16)) {
      body.append(new String(in.readNBytes(size), ISO_8859_1));
      in.line();
    }
    var trailers = new java.util.ArrayList<String>();
    for (var line = in.line(); !line.isEmpty(); line = in.line()) {
      trailers.add(line);
    }
    return new Seen(bare.head(), body.toString(), trailers);
  }

  private static void answer(Seen request, Keeping in, OutputStream out) throws IOException {
    var path = request.requestLine().split(" ", 3)[1];
    if (path.startsWith("/status/")) {
      int status = Integer.parseInt(path.substring(8, 11));
      write(out, "HTTP/1.1 " + status + " Scripted\r\ncontent-length: 6\r\n\r\nstatus");
    } else if (path.startsWith("/redirect")) {
      write(
          out,
          "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n");
    } else if (path.startsWith("/trailers")) {
      write(
          out,
          String.join(
              "\r\n",
              "HTTP/1.1 200 OK",
              "transfer-encoding: chunked",
              "trailer: x-ok",
              "",
              "5",
              "hello",
              "0",
              "x-ok: 1",
              "set-cookie: a=b",
              "content-length: 9",
              "transfer-encoding: gzip",
              "authorization: x",
              "",
              ""));
    } else if (path.startsWith("/early")) {
      write(
          out,
          "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    } else if (path.startsWith("/switch")) {
      write(
          out,
          "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: "
              + request.values("upgrade").getFirst() + "\r\n\r\n");
      for (int next = in.read(); next >= 0; next = in.read()) {
        out.write(next);
        out.flush();
      }
    } else if (!path.startsWith("/hold")) {
      write(out, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-target: recording\r\n\r\nhello");
    }
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(ISO_8859_1));
    out.flush();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var socket : open) {
      socket.close();
    }
  }

  /// Keeps what is read.
  @SuppressWarnings("InputStreamSlowMultibyteRead") // byte for byte is what it is for
  private static final class Keeping extends InputStream {
    private final InputStream from;
    private final ByteArrayOutputStream kept;

    Keeping(InputStream from, ByteArrayOutputStream kept) {
      this.from = from;
      this.kept = kept;
    }

    @Override
    public int read() throws IOException {
      int next = from.read();
      if (next >= 0) {
        kept.write(next);
      }
      return next;
    }

    String line() throws IOException {
      var line = new StringBuilder();
      for (int next = read(); next != '\n'; next = read()) {
        if (next < 0) {
          throw new IOException("expected a line, found the end");
        }
        line.append((char) next);
      }
      return line.toString().strip();
    }
  }
}
