package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.HexFormat;

/// The `path` of the v0.17 JSON protocol, which is percent-decoded, and the raw form every HTTP hop needs.
final class JsonPath {
  /// Characters whose escape means something else than the character itself (RFC 3986 section 2.2), and those that end or
  /// break a path when they stand there plainly.
  private static final String NOT_TO_DECODE = ":/?#[]@!$&'()*+,;=%\\";

  /// What may stand in a path plainly (RFC 3986 section 3.3), besides letters and digits.
  private static final String PLAIN_IN_PATH = "-._~!$&'()*+,;=:@/";

  /// What may stand in a query plainly, besides letters and digits. `%` is left alone there: the query is raw.
  private static final String PLAIN_IN_QUERY = PLAIN_IN_PATH + "?%[]|^`{}\"\\";

  private JsonPath() {}

  /// For a message: decoded, unless that would lose something. The v0.17 agent appends the path to its target's URL and parses that, so
  /// an escaped slash, percent sign or question mark, once decoded, would name something else there; such a path goes as it came, which
  /// the same parsing turns into exactly the caller's bytes.
  ///
  /// @param raw as it stood in the request line, without query
  static String toMessage(String raw) {
    if (raw.indexOf('%') < 0) {
      return raw;
    }
    var bytes = new ByteArrayOutputStream(raw.length());
    for (int i = 0; i < raw.length(); i++) {
      char c = raw.charAt(i);
      if (c != '%') {
        bytes.write(c);
        continue;
      }
      if (!isEscape(raw, i)) {
        return raw;
      }
      int value = HexFormat.fromHexDigits(raw, i + 1, i + 3);
      if (value < ' ' || value == 0x7f || NOT_TO_DECODE.indexOf(value) >= 0) {
        return raw;
      }
      bytes.write(value);
      i += 2;
    }
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())).toString();
    } catch (CharacterCodingException notText) {
      return raw;
    }
  }

  private static boolean isEscape(String raw, int at) {
    return at + 2 < raw.length()
        && HexFormat.isHexDigit(raw.charAt(at + 1))
        && HexFormat.isHexDigit(raw.charAt(at + 2));
  }

  /// From a message: the request target of its path and query. The path is taken at its word, so a percent sign in it is one; nothing in
  /// either can end the request line.
  static String toRequestTarget(String path, String query) {
    var out = new StringBuilder(path.length() + query.length() + 8);
    escape(path, PLAIN_IN_PATH, out);
    if (!query.isEmpty()) {
      out.append('?');
      escape(query, PLAIN_IN_QUERY, out);
    }
    return out.toString();
  }

  private static void escape(String text, String plain, StringBuilder out) {
    for (byte b : text.getBytes(UTF_8)) {
      boolean letterOrDigit =
          (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
      if (letterOrDigit || (b > 0 && plain.indexOf(b) >= 0)) {
        out.append((char) b);
      } else {
        out.append('%').append(HexFormat.of().withUpperCase().toHexDigits(b));
      }
    }
  }
}
