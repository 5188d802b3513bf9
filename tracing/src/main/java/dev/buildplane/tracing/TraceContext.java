package dev.buildplane.tracing;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/// Which trace a request belongs to, as its sender said and in the form of W3C Trace Context (level 1, sections 3.2 and 3.3).
///
/// @param traceparent well-formed; of a version we know or a later one
/// @param tracestate well-formed, all lines of it joined by commas; empty when there was none, or none that is well-formed
public record TraceContext(String traceparent, String tracestate) {
  public static final String TRACEPARENT = "traceparent";
  public static final String TRACESTATE = "tracestate";

  private static final int VERSION_CHARS = 2;
  private static final int TRACE_ID = 3;
  private static final int TRACE_ID_CHARS = 32;
  private static final int SPAN_ID = TRACE_ID + TRACE_ID_CHARS + 1;
  private static final int SPAN_ID_CHARS = 16;
  private static final int FLAGS = SPAN_ID + SPAN_ID_CHARS + 1;
  private static final int FLAGS_CHARS = 2;

  /// Length of a `traceparent` of version 00; later ones may be longer.
  static final int TRACEPARENT_CHARS = FLAGS + FLAGS_CHARS;

  static final int MAX_TRACESTATE_MEMBERS = 32;
  static final int MAX_KEY_CHARS = 256;
  static final int MAX_VALUE_CHARS = 256;

  public TraceContext {
    requireNonNull(traceparent, TRACEPARENT);
    requireNonNull(tracestate, TRACESTATE);
  }

  /// What these header lines say; empty unless there is exactly one well-formed `traceparent`. A `tracestate` alone means nothing, and a
  /// malformed one does not spoil the rest (section 3.3.1.3).
  public static Optional<TraceContext> of(List<String> traceparents, List<String> tracestates) {
    if (traceparents.size() != 1 || !isTraceparent(traceparents.getFirst())) {
      return Optional.empty();
    }
    var state = String.join(",", tracestates);
    return Optional.of(new TraceContext(traceparents.getFirst(), isTracestate(state) ? state : ""));
  }

  /// 32 lower-case hexadecimal digits.
  public String traceId() {
    return traceparent.substring(TRACE_ID, TRACE_ID + TRACE_ID_CHARS);
  }

  static boolean isTraceparent(String text) {
    return text.length() >= TRACEPARENT_CHARS
        && hex(text, 0, VERSION_CHARS)
        && !text.startsWith("ff")
        && text.charAt(TRACE_ID - 1) == '-'
        && hex(text, TRACE_ID, TRACE_ID_CHARS)
        && !zero(text, TRACE_ID, TRACE_ID_CHARS)
        && text.charAt(SPAN_ID - 1) == '-'
        && hex(text, SPAN_ID, SPAN_ID_CHARS)
        && !zero(text, SPAN_ID, SPAN_ID_CHARS)
        && text.charAt(FLAGS - 1) == '-'
        && hex(text, FLAGS, FLAGS_CHARS)
        && ends(text);
  }

  /// Version 00 ends here; what a later version says beyond is not ours to judge, but a dash comes first.
  private static boolean ends(String text) {
    return text.length() == TRACEPARENT_CHARS
        || (!text.startsWith("00") && text.charAt(TRACEPARENT_CHARS) == '-');
  }

  private static boolean hex(String text, int from, int count) {
    for (int i = from; i < from + count; i++) {
      char c = text.charAt(i);
      if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
        return false;
      }
    }
    return true;
  }

  private static boolean zero(String text, int from, int count) {
    for (int i = from; i < from + count; i++) {
      if (text.charAt(i) != '0') {
        return false;
      }
    }
    return true;
  }

  static boolean isTracestate(String text) {
    int members = 0;
    int from = 0;
    while (from <= text.length()) {
      int comma = text.indexOf(',', from);
      int to = comma < 0 ? text.length() : comma;
      var member = withoutBlanks(text.substring(from, to));
      if (!member.isEmpty() && (++members > MAX_TRACESTATE_MEMBERS || !isMember(member))) {
        return false;
      }
      from = to + 1;
    }
    return true;
  }

  /// Optional white space (RFC 9110 section 5.6.3) is a space or a tab and nothing else: an end of line must not pass as such.
  private static String withoutBlanks(String member) {
    int from = 0;
    int to = member.length();
    while (from < to && isBlank(member.charAt(from))) {
      from++;
    }
    while (from < to && isBlank(member.charAt(to - 1))) {
      to--;
    }
    return member.substring(from, to);
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t';
  }

  private static boolean isMember(String member) {
    int equals = member.indexOf('=');
    return equals > 0
        && isKey(member.substring(0, equals))
        && isValue(member.substring(equals + 1));
  }

  private static boolean isKey(String key) {
    return key.length() <= MAX_KEY_CHARS
        && lowerOrDigit(key.charAt(0))
        && key.chars().allMatch(c -> lowerOrDigit(c) || "_-*/@".indexOf(c) >= 0);
  }

  private static boolean lowerOrDigit(int c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  }

  private static boolean isValue(String value) {
    return !value.isEmpty()
        && value.length() <= MAX_VALUE_CHARS
        && value.chars().allMatch(c -> c >= ' ' && c <= '~' && c != '=');
  }
}
