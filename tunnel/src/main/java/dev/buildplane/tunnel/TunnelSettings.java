package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.time.InstantSource;

/// Bounds of a tunnel. Both ends have their own; they need not be equal.
///
/// @param maxConcurrentStreams streams the agent's end lets the gateway hold open at a time, 1 to 65536
/// @param streamWindowBytes HTTP/2 flow-control window of one stream: the most a stalled reader can make this end hold, 64 KiB to 16 MiB
/// @param maxHeaderListBytes size of one header list as RFC 9113 section 6.5.2 counts it, 8 KiB to 1 MiB
/// @param pingInterval after how much silence of the peer the agent sends a PING; the gateway does so a little later ([#gatewayPingAfter]), so
///     that an idle tunnel costs one PING and its answer and not two
/// @param silenceLimit the tunnel is dead when nothing came for this long; longer than `pingInterval`
/// @param drainLimit how long [Tunnel#drain] waits for open streams
/// @param budget shared by all tunnels of the process
/// @param meter counts for all tunnels with these settings
/// @param clock for [Tunnel#lastSeen] only; deadlines use the event loop's time
/// @param json bounds of connections that speak the v0.17 JSON protocol; of the above only `maxConcurrentStreams`, `drainLimit` and
///     `clock` apply to them
public record TunnelSettings(
    int maxConcurrentStreams,
    int streamWindowBytes,
    int maxHeaderListBytes,
    Duration pingInterval,
    Duration silenceLimit,
    Duration drainLimit,
    MemoryBudget budget,
    InstantSource clock,
    JsonSettings json,
    TunnelMeter meter) {
  public static final int DEFAULT_MAX_CONCURRENT_STREAMS = 4096;
  public static final int DEFAULT_STREAM_WINDOW_BYTES = 1 << 20;
  public static final int DEFAULT_MAX_HEADER_LIST_BYTES = 64 << 10;

  /// Largest dynamic header table our HTTP/2 encoder keeps for the peer, in bytes, whatever the peer would allow.
  public static final int ENCODER_TABLE_BYTES = 4096;

  /// HTTP/2 frames about the connection as a whole (PING, SETTINGS and the like) that the peer may send within
  /// [#CONTROL_FRAME_WINDOW]; the tunnel ends beyond.
  public static final int CONTROL_FRAMES_PER_WINDOW = 5_000;

  /// The window of [#CONTROL_FRAMES_PER_WINDOW].
  public static final Duration CONTROL_FRAME_WINDOW = Duration.ofSeconds(10);

  public static final Duration DEFAULT_PING_INTERVAL = Duration.ofSeconds(10);
  public static final Duration DEFAULT_SILENCE_LIMIT = Duration.ofSeconds(30);
  public static final Duration DEFAULT_DRAIN_LIMIT = Duration.ofMinutes(10);

  public TunnelSettings {
    requireRange("maxConcurrentStreams", maxConcurrentStreams, 1, 65536);
    requireRange("streamWindowBytes", streamWindowBytes, 64 << 10, 16 << 20);
    requireRange("maxHeaderListBytes", maxHeaderListBytes, 8 << 10, 1 << 20);
    if (!pingInterval.isPositive() || silenceLimit.compareTo(pingInterval) <= 0) {
      throw new IllegalArgumentException(
          "expected 0 < pingInterval < silenceLimit, found pingInterval " + pingInterval
              + " and silenceLimit " + silenceLimit);
    }
    if (!drainLimit.isPositive()) {
      throw new IllegalArgumentException("expected a positive drainLimit, found " + drainLimit);
    }
    requireNonNull(budget, "budget");
    requireNonNull(clock, "clock");
    requireNonNull(json, "json");
    requireNonNull(meter, "meter");
  }

  /// The defaults above, with a budget of a quarter of the direct memory this JVM may use.
  public static TunnelSettings defaults() {
    return new TunnelSettings(
        DEFAULT_MAX_CONCURRENT_STREAMS,
        DEFAULT_STREAM_WINDOW_BYTES,
        DEFAULT_MAX_HEADER_LIST_BYTES,
        DEFAULT_PING_INTERVAL,
        DEFAULT_SILENCE_LIMIT,
        DEFAULT_DRAIN_LIMIT,
        MemoryBudget.process(),
        InstantSource.system(),
        JsonSettings.defaults(),
        new TunnelMeter(System::nanoTime));
  }

  public TunnelSettings withBudget(MemoryBudget other) {
    return new TunnelSettings(
        maxConcurrentStreams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingInterval,
        silenceLimit,
        drainLimit,
        other,
        clock,
        json,
        meter);
  }

  public TunnelSettings withMeter(TunnelMeter other) {
    return new TunnelSettings(
        maxConcurrentStreams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingInterval,
        silenceLimit,
        drainLimit,
        budget,
        clock,
        json,
        other);
  }

  public TunnelSettings withLiveness(Duration pingEvery, Duration deadAfter) {
    return new TunnelSettings(
        maxConcurrentStreams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingEvery,
        deadAfter,
        drainLimit,
        budget,
        clock,
        json,
        meter);
  }

  public TunnelSettings withDrainLimit(Duration limit) {
    return new TunnelSettings(
        maxConcurrentStreams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingInterval,
        silenceLimit,
        limit,
        budget,
        clock,
        json,
        meter);
  }

  public TunnelSettings withMaxConcurrentStreams(int streams) {
    return new TunnelSettings(
        streams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingInterval,
        silenceLimit,
        drainLimit,
        budget,
        clock,
        json,
        meter);
  }

  public TunnelSettings withJson(JsonSettings other) {
    return new TunnelSettings(
        maxConcurrentStreams,
        streamWindowBytes,
        maxHeaderListBytes,
        pingInterval,
        silenceLimit,
        drainLimit,
        budget,
        clock,
        other,
        meter);
  }

  private static void requireRange(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "expected " + name + " from " + least + " to " + most + ", found " + value);
    }
  }

  /// After how much silence of the agent the gateway sends a PING: a quarter of the way from `pingInterval` to `silenceLimit`.
  public Duration gatewayPingAfter() {
    return pingInterval.plus(silenceLimit.minus(pingInterval).dividedBy(4));
  }
}
