package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.Charset;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BodiesTest {
  private static final ResourceType TYPE = BuiltIns.all().getFirst();
  private static final String OBJECT = "{\"a\":\"Grüße\"}";

  static Stream<byte[]> otherEncodings() {
    return Stream.of(
        OBJECT.getBytes(UTF_16BE),
        OBJECT.getBytes(UTF_16LE),
        OBJECT.getBytes(Charset.forName("UTF-32BE")),
        OBJECT.getBytes(Charset.forName("UTF-32LE")),
        new byte[] {0, 0, 1, 0, 'l'},
        new byte[] {0, 0, 0, '{'});
  }

  @ParameterizedTest
  @MethodSource("otherEncodings")
  void jsonInAnotherEncodingIsTheClientsMistake(byte[] body) {
    for (var validation : List.of("Ignore", "Warn", "Strict")) {
      var options = WriteOptions.of(Query.parse("fieldValidation=" + validation), "test");
      assertThatThrownBy(() -> Bodies.read(body, "application/json", TYPE, options))
          .isInstanceOfSatisfying(
              ApiProblem.class, problem -> assertThat(problem.code()).isEqualTo(400));
    }
  }

  @Test
  void jsonIsUtf8() {
    var read =
        Bodies.read(OBJECT.getBytes(UTF_8), "application/json", TYPE, WriteOptions.internal());
    assertThat(read.path("a").asText()).isEqualTo("Grüße");
  }
}
