package dev.buildplane.patch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonPatchTest {
  /// Cases after RFC 6902 appendix A and the usual corners.
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {"foo":"bar"} | [{"op":"add","path":"/baz","value":"qux"}] | {"foo":"bar","baz":"qux"}
      {"foo":["bar","baz"]} | [{"op":"add","path":"/foo/1","value":"qux"}] | {"foo":["bar","qux","baz"]}
      {"foo":["bar"]} | [{"op":"add","path":"/foo/-","value":["abc"]}] | {"foo":["bar",["abc"]]}
      {"foo":["bar"]} | [{"op":"add","path":"/foo/1","value":1}] | {"foo":["bar",1]}
      {"baz":"qux","foo":"bar"} | [{"op":"remove","path":"/baz"}] | {"foo":"bar"}
      {"foo":["bar","qux","baz"]} | [{"op":"remove","path":"/foo/1"}] | {"foo":["bar","baz"]}
      {"baz":"qux","foo":"bar"} | [{"op":"replace","path":"/baz","value":"boo"}] | {"baz":"boo","foo":"bar"}
      {"foo":{"bar":"baz","waldo":"fred"},"qux":{}} | [{"op":"move","from":"/foo/waldo","path":"/qux/thud"}] | {"foo":{"bar":"baz"},"qux":{"thud":"fred"}}
      {"foo":["all","grass","cows","eat"]} | [{"op":"move","from":"/foo/1","path":"/foo/3"}] | {"foo":["all","cows","eat","grass"]}
      {"a":{"b":1}} | [{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/c/b","value":2}] | {"a":{"b":1},"c":{"b":2}}
      {"baz":"qux","n":1} | [{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/n","value":1.0}] | {"baz":"qux","n":1}
      {"a/b":1,"m~n":2} | [{"op":"test","path":"/a~1b","value":1},{"op":"remove","path":"/m~0n"}] | {"a/b":1}
      {"foo":1} | [{"op":"replace","path":"","value":{"x":1}}] | {"x":1}
      {"foo":null} | [{"op":"replace","path":"/foo","value":1}] | {"foo":1}
      {"":1} | [{"op":"replace","path":"/","value":2}] | {"":2}
      {"a":1} | [] | {"a":1}
      {"a":1} | [{"op":"add","path":"/a","value":null}] | {"a":null}
      {"a":1} | [{"op":"move","from":"/a","path":"/a"}] | {"a":1}
      """)
  void operationsDoWhatTheRfcSays(String target, String patch, String expected) {
    assertThat(JsonPatch.apply(Json.of(target), Json.of(patch))).isEqualTo(Json.of(expected));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {"a":1} | {} | MALFORMED | expected an array of operations, found an object
      {"a":1} | [{"op":"add","path":"/b"}] | MALFORMED | JSON patch operation 0 (add "/b"): expected "value", found nothing
      {"a":1} | [{"op":"bad","path":"/b"}] | MALFORMED | found "bad"
      {"a":1} | [{"op":"add","path":"b","value":1}] | MALFORMED | expected a JSON pointer
      {"a":1} | [{"op":"add","path":"/~2","value":1}] | MALFORMED | RFC 6901
      {"a":1} | [{"op":"test","path":"/a","value":1},{"op":"test","path":"/a","value":2}] | TEST_FAILED | JSON patch operation 1 (test "/a"): test failed: expected 2, found 1
      {"a":1} | [{"op":"remove","path":"/b"}] | UNAPPLICABLE | JSON patch operation 0 (remove "/b"): expected an existing field, found none
      {"a":1} | [{"op":"replace","path":"/b","value":1}] | UNAPPLICABLE | expected an existing field
      {"a":1} | [{"op":"add","path":"/b/c","value":1}] | UNAPPLICABLE | expected "b" to exist on the way
      {"a":1} | [{"op":"add","path":"/a/c","value":1}] | UNAPPLICABLE | expected an object or array to hold it, found a number
      {"a":[1]} | [{"op":"add","path":"/a/2","value":1}] | UNAPPLICABLE | index 2 is out of bounds, the array has 1 items
      {"a":[1]} | [{"op":"remove","path":"/a/1"}] | UNAPPLICABLE | out of bounds
      {"a":[1]} | [{"op":"add","path":"/a/01","value":1}] | UNAPPLICABLE | expected an array index, found "01"
      {"a":[1]} | [{"op":"remove","path":"/a/-"}] | UNAPPLICABLE | expected an array index, found "-"
      {"a":{"b":1}} | [{"op":"move","from":"/a","path":"/a/c"}] | MALFORMED | cannot move into itself
      """)
  void errorsNameTheOperationAndItsPath(
      String target, String patch, PatchException.Reason reason, String message) {
    assertThatThrownBy(() -> JsonPatch.apply(Json.of(target), Json.of(patch)))
        .isInstanceOfSatisfying(
            PatchException.class, e -> assertThat(e.reason()).isEqualTo(reason))
        .hasMessageContaining(message);
  }

  @Test
  void aFailedPatchLeavesTheTargetAsItWas() {
    var target = Json.of("{a: 1}");
    assertThatThrownBy(() -> JsonPatch.apply(
            target, Json.of("[{op: add, path: /b, value: 1}, {op: remove, path: /nowhere}]")))
        .isInstanceOf(PatchException.class);
    assertThat(target).isEqualTo(Json.of("{a: 1}"));
  }

  @Test
  void copyingTheRootIntoItselfIsBounded() {
    var copies = IntStream.range(0, 64)
        .mapToObj(i -> "{\"op\":\"copy\",\"from\":\"\",\"path\":\"/k" + i + "\"}")
        .collect(Collectors.joining(",", "[", "]"));

    assertThatThrownBy(() -> JsonPatch.apply(Json.of("{\"a\":1}"), Json.of(copies)))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining("expected at most " + JsonPatch.MAX_COPIED_CHARS);
  }
}
