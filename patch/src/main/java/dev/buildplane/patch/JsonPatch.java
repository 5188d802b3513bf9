package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/// JSON patch, RFC 6902 over JSON pointers of RFC 6901: `add`, `remove`, `replace`, `move`, `copy`, `test`.
///
/// All or nothing: when one operation fails, nothing of the patch is applied. Errors name the index of the operation and its path.
public final class JsonPatch {
  /// The most operations one patch may hold (the limit of the Kubernetes API server).
  public static final int MAX_OPERATIONS = 10_000;

  /// What all `copy` operations of a patch may copy together: one for each value, and the characters of names and texts. Without it thirty
  /// operations that copy the root into itself make a document a billion times as large.
  public static final int MAX_COPIED_CHARS = 3 << 20;

  private static final int MAX_POINTER_TOKENS = 1_000;

  private JsonPatch() {}

  /// Applies the operations in order and returns the result; neither argument is changed.
  ///
  /// @param target the document
  /// @param operations an array of operation objects
  /// @throws PatchException when the patch is malformed, a path does not exist or a test does not hold
  public static JsonNode apply(JsonNode target, JsonNode operations) {
    if (!(operations instanceof ArrayNode list)) {
      throw PatchException.malformed(
          "JSON patch: expected an array of operations, found " + kind(operations));
    }
    if (list.size() > MAX_OPERATIONS) {
      throw PatchException.malformed(
          "JSON patch: expected at most %d operations, found %d; split the patch"
              .formatted(MAX_OPERATIONS, list.size()));
    }
    // The document sits in a holder so that the root ("") is a place like any other.
    var holder = JsonNodeFactory.instance.arrayNode();
    holder.add(target.deepCopy());
    var copied = new Copied();
    for (int index = 0; index < list.size(); index++) {
      new Operation(index, list.get(index), copied).run(holder);
    }
    return holder.get(0);
  }

  static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "an array";
      case BINARY, STRING -> "a string";
      case BOOLEAN -> "a boolean";
      case MISSING -> "nothing";
      case NULL -> "null";
      case NUMBER -> "a number";
      case OBJECT, POJO -> "an object";
    };
  }

  /// Whether two values are equal as RFC 6902 section 4.6 says: numbers by value, objects without order.
  static boolean same(JsonNode left, JsonNode right) {
    return left.equals(JsonPatch::compareNumbers, right);
  }

  private static int compareNumbers(JsonNode left, JsonNode right) {
    if (left.isNumber() && right.isNumber()) {
      return left.decimalValue().compareTo(right.decimalValue());
    }
    return left.equals(right) ? 0 : 1;
  }

  /// What one patch has copied so far.
  private static final class Copied {
    private long chars;

    /// Whether that may be copied, too.
    boolean takes(JsonNode value) {
      count(value);
      return chars <= MAX_COPIED_CHARS;
    }

    private void count(JsonNode value) {
      chars += 1 + (value.isTextual() ? value.textValue().length() : 0);
      if (chars > MAX_COPIED_CHARS) {
        return;
      }
      value.fieldNames().forEachRemaining(name -> chars += name.length());
      value.forEach(this::count);
    }
  }

  private record Operation(int index, JsonNode body, Copied copied) {
    void run(ArrayNode holder) {
      if (!body.isObject()) {
        throw malformed("", "expected an object, found " + kind(body));
      }
      var name = text("op");
      var path = text("path");
      switch (name) {
        case "add" -> add(holder, path, value(path));
        case "remove" -> remove(holder, path);
        case "replace" -> replace(holder, path, value(path));
        case "move" -> move(holder, text("from"), path);
        case "copy" -> add(holder, path, copy(path, find(holder, text("from"))));
        case "test" -> test(holder, path, value(path));
        default ->
          throw malformed(
              path,
              "expected op to be add, remove, replace, move, copy or test, found \"" + name + "\"");
      }
    }

    private JsonNode copy(String path, JsonNode value) {
      if (!copied.takes(value)) {
        throw malformed(
            path,
            "expected at most " + MAX_COPIED_CHARS
                + " characters in all that the patch copies, found more; split the patch");
      }
      return value.deepCopy();
    }

    private void add(ArrayNode holder, String path, JsonNode value) {
      var place = place(holder, path);
      if (place.parent instanceof ObjectNode object) {
        object.set(place.token, value);
      } else if (place.root) {
        holder.set(0, value);
      } else if (place.parent instanceof ArrayNode array) {
        array.insert(
            "-".equals(place.token) ? array.size() : index(array, path, place.token, array.size()),
            value);
      } else {
        throw noContainer(path, place.parent);
      }
    }

    private JsonNode remove(ArrayNode holder, String path) {
      var old = find(holder, path);
      var place = place(holder, path);
      if (place.parent instanceof ObjectNode object) {
        object.remove(place.token);
      } else if (place.root) {
        holder.set(0, JsonNodeFactory.instance.nullNode());
      } else if (place.parent instanceof ArrayNode array) {
        array.remove(index(array, path, place.token, array.size() - 1));
      }
      return old;
    }

    private void replace(ArrayNode holder, String path, JsonNode value) {
      find(holder, path);
      var place = place(holder, path);
      if (place.parent instanceof ObjectNode object) {
        object.set(place.token, value);
      } else if (place.parent instanceof ArrayNode array) {
        array.set(place.root ? 0 : index(array, path, place.token, array.size() - 1), value);
      }
    }

    private void move(ArrayNode holder, String from, String path) {
      if (path.startsWith(from + "/")) {
        throw malformed(path, "a value cannot move into itself (from \"" + from + "\")");
      }
      if (path.equals(from)) {
        find(holder, from);
        return;
      }
      add(holder, path, remove(holder, from));
    }

    private void test(ArrayNode holder, String path, JsonNode expected) {
      var found = find(holder, path);
      if (!same(found, expected)) {
        throw new PatchException(
            PatchException.Reason.TEST_FAILED,
            at(path) + ": test failed: expected " + shown(expected) + ", found " + shown(found));
      }
    }

    private JsonNode find(ArrayNode holder, String path) {
      var place = place(holder, path);
      if (place.root) {
        return holder.get(0);
      }
      if (place.parent instanceof ObjectNode object) {
        var value = object.get(place.token);
        if (value == null) {
          throw PatchException.unapplicable(at(path) + ": expected an existing field, found none");
        }
        return value;
      }
      if (place.parent instanceof ArrayNode array) {
        return array.get(index(array, path, place.token, array.size() - 1));
      }
      throw noContainer(path, place.parent);
    }

    private Place place(ArrayNode holder, String path) {
      var tokens = tokens(path);
      if (tokens.isEmpty()) {
        return new Place(holder, "0", true);
      }
      JsonNode parent = holder.get(0);
      for (var token : tokens.subList(0, tokens.size() - 1)) {
        parent = child(parent, path, token);
      }
      return new Place(parent, tokens.getLast(), false);
    }

    private JsonNode child(JsonNode parent, String path, String token) {
      if (parent instanceof ArrayNode array) {
        return array.get(index(array, path, token, array.size() - 1));
      }
      var child = parent.get(token);
      if (child == null) {
        throw PatchException.unapplicable(
            at(path) + ": expected \"" + token + "\" to exist on the way, found "
                + (parent.isObject() ? "no such field" : kind(parent)));
      }
      return child;
    }

    private int index(ArrayNode array, String path, String token, int last) {
      if (!token.matches("0|[1-9][0-9]{0,8}")) {
        throw PatchException.unapplicable(
            at(path) + ": expected an array index, found \"" + token + "\"");
      }
      int position = Integer.parseInt(token);
      if (position > last) {
        throw PatchException.unapplicable(at(path) + ": index " + position
            + " is out of bounds, the array has " + array.size() + " items");
      }
      return position;
    }

    private List<String> tokens(String pointer) {
      var tokens = new ArrayList<String>();
      if (pointer.isEmpty()) {
        return tokens;
      }
      if (!pointer.startsWith("/")) {
        throw malformed(pointer, "expected a JSON pointer that is empty or starts with \"/\"");
      }
      for (var token : pointer.substring(1).split("/", -1)) {
        if (token.matches(".*~(?![01]).*")) {
          throw malformed(pointer, "\"~\" must be written \"~0\" and \"/\" \"~1\" (RFC 6901)");
        }
        tokens.add(token.replace("~1", "/").replace("~0", "~"));
        if (tokens.size() > MAX_POINTER_TOKENS) {
          throw malformed(pointer, "expected at most " + MAX_POINTER_TOKENS + " path segments");
        }
      }
      return tokens;
    }

    private String text(String field) {
      var node = body.get(field);
      if (node == null || !node.isTextual()) {
        throw malformed(
            body.path("path").asText(""),
            "expected the string \"" + field + "\", found "
                + (node == null ? "nothing" : kind(node)));
      }
      return node.textValue();
    }

    private JsonNode value(String path) {
      var node = body.get("value");
      if (node == null) {
        throw malformed(path, "expected \"value\", found nothing");
      }
      return node.deepCopy();
    }

    private String at(String path) {
      return "JSON patch operation " + index + " (" + body.path("op").asText("?") + " \"" + path
          + "\")";
    }

    private PatchException malformed(String path, String message) {
      return PatchException.malformed(at(path) + ": " + message);
    }

    private PatchException noContainer(String path, JsonNode parent) {
      return PatchException.unapplicable(
          at(path) + ": expected an object or array to hold it, found " + kind(parent));
    }

    private static String shown(JsonNode value) {
      var text = value.toString();
      return text.length() <= 200 ? text : text.substring(0, 200) + "...";
    }
  }

  private record Place(JsonNode parent, String token, boolean root) {}
}
