package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/// Bounds of connections that speak the JSON protocol of OpenChoreo v0.17.
///
/// @param maxRequestBodyBytes of a request the gateway sends; beyond: 413
/// @param maxAnswerBodyBytes of a target's answer that the agent gathers; beyond: 502
/// @param maxMessageBytes of one WebSocket message that is taken; beyond: close 1009
/// @param pingInterval how often the gateway's end sends a WebSocket ping
/// @param silenceLimit the gateway's end is dead after this long without a pong, the agent's end after this long without
///     any byte; also how long one message may take to come; longer than `pingInterval`
/// @param answerLimit how long the agent works on a request; the v0.17 gateway itself waits 30 s and cannot cancel
/// @param budget what messages of all connections of the process may hold; bytes on the heap
/// @param only whether the agent's end offers nothing else, as an agent of v0.17 would
public record JsonSettings(
    int maxRequestBodyBytes,
    int maxAnswerBodyBytes,
    int maxMessageBytes,
    Duration pingInterval,
    Duration silenceLimit,
    Duration answerLimit,
    MemoryBudget budget,
    boolean only) {
  public static final int DEFAULT_MAX_REQUEST_BODY_BYTES = 10 << 20;
  public static final int DEFAULT_MAX_ANSWER_BODY_BYTES = 32 << 20;
  public static final int DEFAULT_MAX_MESSAGE_BYTES = 64 << 20;
  public static final Duration DEFAULT_PING_INTERVAL = Duration.ofSeconds(30);
  public static final Duration DEFAULT_SILENCE_LIMIT = Duration.ofSeconds(90);
  public static final Duration DEFAULT_ANSWER_LIMIT = Duration.ofSeconds(60);

  /// A quarter of the heap, at least 32 MiB.
  private static final MemoryBudget PROCESS =
      new MemoryBudget(Math.max(32L << 20, Runtime.getRuntime().maxMemory() / 4));

  public JsonSettings {
    requirePositive("maxRequestBodyBytes", maxRequestBodyBytes);
    requirePositive("maxAnswerBodyBytes", maxAnswerBodyBytes);
    requirePositive("maxMessageBytes", maxMessageBytes);
    if (!pingInterval.isPositive() || silenceLimit.compareTo(pingInterval) <= 0) {
      throw new IllegalArgumentException(
          "expected 0 < pingInterval < silenceLimit, found pingInterval " + pingInterval
              + " and silenceLimit " + silenceLimit);
    }
    if (!answerLimit.isPositive()) {
      throw new IllegalArgumentException("expected a positive answerLimit, found " + answerLimit);
    }
    requireNonNull(budget, "budget");
  }

  /// The defaults above, with the one budget of this process.
  public static JsonSettings defaults() {
    return new JsonSettings(
        DEFAULT_MAX_REQUEST_BODY_BYTES,
        DEFAULT_MAX_ANSWER_BODY_BYTES,
        DEFAULT_MAX_MESSAGE_BYTES,
        DEFAULT_PING_INTERVAL,
        DEFAULT_SILENCE_LIMIT,
        DEFAULT_ANSWER_LIMIT,
        PROCESS,
        false);
  }

  public JsonSettings withLiveness(Duration pingEvery, Duration deadAfter) {
    return new JsonSettings(
        maxRequestBodyBytes,
        maxAnswerBodyBytes,
        maxMessageBytes,
        pingEvery,
        deadAfter,
        answerLimit,
        budget,
        only);
  }

  public JsonSettings withAnswerLimit(Duration limit) {
    return new JsonSettings(
        maxRequestBodyBytes,
        maxAnswerBodyBytes,
        maxMessageBytes,
        pingInterval,
        silenceLimit,
        limit,
        budget,
        only);
  }

  public JsonSettings withBounds(int requestBodyBytes, int answerBodyBytes, int messageBytes) {
    return new JsonSettings(
        requestBodyBytes,
        answerBodyBytes,
        messageBytes,
        pingInterval,
        silenceLimit,
        answerLimit,
        budget,
        only);
  }

  public JsonSettings withBudget(MemoryBudget other) {
    return new JsonSettings(
        maxRequestBodyBytes,
        maxAnswerBodyBytes,
        maxMessageBytes,
        pingInterval,
        silenceLimit,
        answerLimit,
        other,
        only);
  }

  public JsonSettings withOnly(boolean nothingElse) {
    return new JsonSettings(
        maxRequestBodyBytes,
        maxAnswerBodyBytes,
        maxMessageBytes,
        pingInterval,
        silenceLimit,
        answerLimit,
        budget,
        nothingElse);
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException("expected a positive " + name + ", found " + value);
    }
  }
}
