package dev.buildplane.http;

import java.time.Duration;

/// Every bound of one server. All of them hold at once; what goes past one is answered or cut, never queued.
///
/// @param initialLineBytes longest request line (method, target, version) of HTTP/1.1, in bytes; 414 beyond
/// @param headerBytes largest header block, in bytes, for both protocols; 431 beyond
/// @param headerLines most header lines of one request; 431 beyond
/// @param tlsHandshake from accept to the end of the TLS handshake; the connection is cut beyond
/// @param headerRead from the first byte (or accept) to the end of the request head; 408 beyond
/// @param idle longest time a connection rests without a request, a caller stays silent inside a request body, or a
///   caller does not take a single byte of an answer that waits for it
/// @param drain how long [HttpServer#close] lets requests finish before it cuts them
/// @param connections most open connections of the server; further ones are closed at accept, as are those beyond what the
///   process's limit of open files leaves to connections
/// @param connectionsPerAddress most open connections from one address
/// @param streamsPerConnection HTTP/2 `SETTINGS_MAX_CONCURRENT_STREAMS`
/// @param requestsInFlight most requests in blocking handlers at once; 503 beyond
/// @param resetsPerWindow HTTP/2 RST_STREAM frames a caller may send within `resetWindow` (CVE-2023-44487), and as many it may
///   make the server send by its errors (CVE-2025-8671); the connection ends with `ENHANCE_YOUR_CALM` beyond
/// @param resetWindow the window of `resetsPerWindow`, whole seconds
/// @param streamWindowBytes HTTP/2 receive window of one stream, in bytes: what may wait for a handler that does not read
/// @param discardBytes how much of a body nobody read is taken in after the answer, to keep the connection usable
public record HttpLimits(
    int initialLineBytes,
    int headerBytes,
    int headerLines,
    Duration tlsHandshake,
    Duration headerRead,
    Duration idle,
    Duration drain,
    int connections,
    int connectionsPerAddress,
    int streamsPerConnection,
    int requestsInFlight,
    int resetsPerWindow,
    Duration resetWindow,
    int streamWindowBytes,
    int discardBytes) {
  /// HTTP/2 frames about the connection as a whole (PING, SETTINGS, PRIORITY, unknown ones) that a caller may send within
  /// [#CONTROL_FRAME_WINDOW]; the connection ends with `ENHANCE_YOUR_CALM` beyond.
  public static final int CONTROL_FRAMES_PER_WINDOW = 500;

  /// The window of [#CONTROL_FRAMES_PER_WINDOW].
  public static final Duration CONTROL_FRAME_WINDOW = Duration.ofSeconds(10);

  /// Largest dynamic header table our HTTP/2 encoder keeps for a caller, in bytes, whatever the caller would allow.
  public static final int ENCODER_TABLE_BYTES = 4096;

  /// Streams of a connection that the server reset last and remembers, so that what was on its way for them is ignored.
  public static final int RESET_STREAMS_REMEMBERED = 1000;

  private static final int FAREWELL_SHARE = 5;

  public static final HttpLimits DEFAULT = new HttpLimits(
      32 * 1024,
      64 * 1024,
      256,
      Duration.ofSeconds(10),
      Duration.ofSeconds(15),
      Duration.ofSeconds(120),
      Duration.ofSeconds(5),
      16_384,
      2_000,
      250,
      4_096,
      200,
      Duration.ofSeconds(30),
      256 * 1024,
      256 * 1024);

  /// With other deadlines.
  public HttpLimits withDeadlines(
      Duration tlsHandshakeLimit, Duration headerReadLimit, Duration idleLimit) {
    return new HttpLimits(
        initialLineBytes,
        headerBytes,
        headerLines,
        tlsHandshakeLimit,
        headerReadLimit,
        idleLimit,
        drain,
        connections,
        connectionsPerAddress,
        streamsPerConnection,
        requestsInFlight,
        resetsPerWindow,
        resetWindow,
        streamWindowBytes,
        discardBytes);
  }

  /// Of the time to drain, how long a resting HTTP/1.1 connection waits for a request that its caller may have sent already, and the
  /// PING behind a first GOAWAY for its answer.
  Duration farewell() {
    return drain.dividedBy(FAREWELL_SHARE);
  }

  /// With another drain time.
  public HttpLimits withDrain(Duration drainLimit) {
    return new HttpLimits(
        initialLineBytes,
        headerBytes,
        headerLines,
        tlsHandshake,
        headerRead,
        idle,
        drainLimit,
        connections,
        connectionsPerAddress,
        streamsPerConnection,
        requestsInFlight,
        resetsPerWindow,
        resetWindow,
        streamWindowBytes,
        discardBytes);
  }

  /// With other caps on open connections.
  public HttpLimits withConnections(int inTotal, int perAddress) {
    return new HttpLimits(
        initialLineBytes,
        headerBytes,
        headerLines,
        tlsHandshake,
        headerRead,
        idle,
        drain,
        inTotal,
        perAddress,
        streamsPerConnection,
        requestsInFlight,
        resetsPerWindow,
        resetWindow,
        streamWindowBytes,
        discardBytes);
  }

  /// With another bound on resets.
  public HttpLimits withResets(int perWindow, Duration window) {
    return new HttpLimits(
        initialLineBytes,
        headerBytes,
        headerLines,
        tlsHandshake,
        headerRead,
        idle,
        drain,
        connections,
        connectionsPerAddress,
        streamsPerConnection,
        requestsInFlight,
        perWindow,
        window,
        streamWindowBytes,
        discardBytes);
  }
}
