package dev.buildplane.schema;

import java.util.ArrayList;
import java.util.List;

/// The `fieldPath` of a CEL rule: child operators of JSONPath only, `.a.b` or `.a['b.c']`.
final class FieldPath {
  private FieldPath() {}

  /// The field names, or an empty list when `text` is no such path.
  static List<String> parse(String text) {
    var names = new ArrayList<String>();
    var at = 0;
    while (at < text.length()) {
      var end = text.startsWith("['", at) ? text.indexOf("']", at) : dotted(text, at);
      var from = text.charAt(at) == '.' ? at + 1 : at + 2;
      if (end < from || end == from) {
        return List.of();
      }
      names.add(text.substring(from, end));
      at = text.charAt(at) == '.' ? end : end + 2;
    }
    return List.copyOf(names);
  }

  private static int dotted(String text, int at) {
    if (text.charAt(at) != '.') {
      return -1;
    }
    var end = at + 1;
    while (end < text.length() && text.charAt(end) != '.' && text.charAt(end) != '[') {
      end++;
    }
    return end;
  }
}
