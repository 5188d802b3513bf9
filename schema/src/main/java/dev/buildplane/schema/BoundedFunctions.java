package dev.buildplane.schema;

import static dev.buildplane.schema.FunctionSet.global;
import static dev.buildplane.schema.FunctionSet.member;
import static dev.cel.common.types.SimpleType.BYTES;
import static dev.cel.common.types.SimpleType.INT;
import static dev.cel.common.types.SimpleType.STRING;

import com.google.common.primitives.UnsignedLong;
import dev.cel.common.types.ListType;
import dev.cel.common.values.CelByteString;
import dev.cel.runtime.CelFunctionBinding;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.stream.LongStream;

/// The functions of standard CEL and its extensions that make their result longer than their arguments, with a bound.
///
/// Without it an expression of a few hundred characters that doubles a text again and again takes all memory.
final class BoundedFunctions {
  /// Characters of a text, or bytes, that a function returns at most.
  static final int MAX_TEXT = 1 << 20;

  /// Entries of a list that a function returns at most.
  static final int MAX_ENTRIES = 100_000;

  private BoundedFunctions() {}

  static void addTo(FunctionSet functions) {
    var strings = ListType.create(STRING);
    functions
        .add(
            "join",
            member(
                "text_list_join", STRING, strings, List.class, texts -> join((List<?>) texts, "")),
            member(
                "text_list_join_with",
                STRING,
                strings,
                List.class,
                STRING,
                String.class,
                (texts, separator) -> join((List<?>) texts, separator)))
        .add(
            "replace",
            member(
                "text_replace",
                STRING,
                List.of(STRING, STRING, STRING),
                List.of(String.class, String.class, String.class),
                args -> replace((String) args[0], (String) args[1], (String) args[2], -1)),
            member(
                "text_replace_some",
                STRING,
                List.of(STRING, STRING, STRING, INT),
                List.of(String.class, String.class, String.class, Long.class),
                args ->
                    replace((String) args[0], (String) args[1], (String) args[2], (Long) args[3])))
        .add(
            "strings.quote",
            global("text_quote", STRING, STRING, String.class, BoundedFunctions::quote))
        .add(
            "lists.range",
            global("int_range", ListType.create(INT), INT, Long.class, BoundedFunctions::range))
        .add(
            "base64.encode",
            global("bytes_to_base64", STRING, BYTES, CelByteString.class, bytes -> {
              requireLength(bytes.size() * 4L / 3);
              return Base64.getEncoder().encodeToString(bytes.toByteArray());
            }))
        .add(
            "base64.decode",
            global(
                "base64_to_bytes",
                BYTES,
                STRING,
                String.class,
                text -> CelByteString.of(Base64.getDecoder().decode(text))));
  }

  /// All overloads of `+`, which the evaluator keeps together.
  static Collection<CelFunctionBinding> additions() {
    return CelFunctionBinding.fromOverloads(
        "_+_",
        CelFunctionBinding.from("add_int64", Long.class, Long.class, Math::addExact),
        CelFunctionBinding.from(
            "add_uint64", UnsignedLong.class, UnsignedLong.class, BoundedFunctions::addUnsigned),
        CelFunctionBinding.from("add_double", Double.class, Double.class, Double::sum),
        CelFunctionBinding.from("add_string", String.class, String.class, (one, other) -> {
          requireLength((long) one.length() + other.length());
          return one + other;
        }),
        CelFunctionBinding.from(
            "add_bytes", CelByteString.class, CelByteString.class, (one, other) -> {
              requireLength((long) one.size() + other.size());
              return one.concat(other);
            }),
        CelFunctionBinding.from(
            "add_list",
            List.class,
            List.class,
            (one, other) -> append((List<?>) one, (List<?>) other)),
        CelFunctionBinding.from(
            "add_timestamp_duration", Instant.class, Duration.class, Instant::plus),
        CelFunctionBinding.from(
            "add_duration_timestamp",
            Duration.class,
            Instant.class,
            (duration, time) -> time.plus(duration)),
        CelFunctionBinding.from(
            "add_duration_duration", Duration.class, Duration.class, Duration::plus));
  }

  private static UnsignedLong addUnsigned(UnsignedLong one, UnsignedLong other) {
    var sum = one.plus(other);
    if (sum.compareTo(one) < 0) {
      throw new ArithmeticException("unsigned integer overflow");
    }
    return sum;
  }

  private static List<Object> append(List<?> one, List<?> other) {
    requireEntries((long) one.size() + other.size());
    var all = new ArrayList<Object>(one);
    all.addAll(other);
    return all;
  }

  private static List<Long> range(long end) {
    requireEntries(end);
    return LongStream.range(0, end).boxed().toList();
  }

  private static String join(List<?> texts, String separator) {
    var joined = new StringBuilder();
    for (var i = 0; i < texts.size(); i++) {
      if (!(texts.get(i) instanceof String text)) {
        throw new IllegalArgumentException("join takes a list of strings");
      }
      requireLength((long) joined.length() + separator.length() + text.length());
      joined.append(i == 0 ? "" : separator).append(text);
    }
    return joined.toString();
  }

  /// @param limit replacements made; negative for all
  private static String replace(String text, String part, String by, long limit) {
    var result = new StringBuilder();
    var at = 0;
    for (var made = 0L; limit < 0 || made < limit; made++) {
      // an empty part stands before every character and at the end
      var found = part.isEmpty()
          ? (made == 0 ? 0 : at < text.length() ? text.offsetByCodePoints(at, 1) : -1)
          : text.indexOf(part, at);
      if (found < 0) {
        break;
      }
      requireLength((long) result.length() + (found - at) + by.length());
      result.append(text, at, found).append(by);
      at = found + part.length();
    }
    requireLength((long) result.length() + text.length() - at);
    return result.append(text, at, text.length()).toString();
  }

  private static String quote(String text) {
    requireLength(text.length() * 2L);
    var quoted = new StringBuilder("\"");
    for (var i = 0; i < text.length(); i++) {
      var c = text.charAt(i);
      switch (c) {
        case 7 -> quoted.append("\\a");
        case '\b' -> quoted.append("\\b");
        case '\f' -> quoted.append("\\f");
        case '\n' -> quoted.append("\\n");
        case '\r' -> quoted.append("\\r");
        case '\t' -> quoted.append("\\t");
        case 11 -> quoted.append("\\v");
        case '\\' -> quoted.append("\\\\");
        case '"' -> quoted.append("\\\"");
        default -> quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }

  static void requireLength(long length) {
    if (length > MAX_TEXT) {
      throw new IllegalArgumentException("a text may have at most " + MAX_TEXT + " characters");
    }
  }

  private static void requireEntries(long entries) {
    if (entries > MAX_ENTRIES) {
      throw new IllegalArgumentException("a list may have at most " + MAX_ENTRIES + " entries");
    }
  }
}
