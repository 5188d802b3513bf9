package dev.buildplane.render;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// The inside of an interpreted Go string literal.
final class GoString {
  private final String text;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private int at;

  private GoString(String text) {
    this.text = text;
  }

  /// The meaning of `text`, or empty when it breaks Go's rules: an unknown escape, a bare quote or a line break.
  static Optional<String> unescape(String text) {
    return new GoString(text).run();
  }

  private Optional<String> run() {
    while (at < text.length()) {
      var point = text.codePointAt(at);
      at += Character.charCount(point);
      if (point == '"' || point == '\n') {
        return Optional.empty();
      }
      if (point != '\\') {
        put(point);
      } else if (!escape()) {
        return Optional.empty();
      }
    }
    try {
      return Optional.of(StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.toByteArray()))
          .toString());
    } catch (CharacterCodingException e) {
      return Optional.empty(); // \x escapes that are no UTF-8: there is no such text in JSON
    }
  }

  private boolean escape() {
    if (at >= text.length()) {
      return false;
    }
    var c = text.charAt(at++);
    switch (c) {
      case 'a' -> put(7);
      case 'b' -> put('\b');
      case 'f' -> put('\f');
      case 'n' -> put('\n');
      case 'r' -> put('\r');
      case 't' -> put('\t');
      case 'v' -> put(11);
      case '\\', '"' -> put(c);
      case 'x' -> {
        return number(2, 16, true);
      }
      case 'u' -> {
        return number(4, 16, false);
      }
      case 'U' -> {
        return number(8, 16, false);
      }
      case '0', '1', '2', '3', '4', '5', '6', '7' -> {
        at--;
        return number(3, 8, true);
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean number(int digits, int radix, boolean single) {
    if (at + digits > text.length()) {
      return false;
    }
    var value = 0L;
    for (var end = at + digits; at < end; at++) {
      var digit = Character.digit(text.charAt(at), radix);
      if (digit < 0) {
        return false;
      }
      value = value * radix + digit;
    }
    if (single) {
      bytes.write((int) value);
      return value < 256;
    }
    if (value > Character.MAX_CODE_POINT
        || (value >= Character.MIN_SURROGATE && value <= Character.MAX_SURROGATE)) {
      return false;
    }
    put((int) value);
    return true;
  }

  private void put(int point) {
    bytes.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8));
  }
}
