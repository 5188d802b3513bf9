package dev.buildplane.tracing;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TraceContextTest {
  private static final String PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  @Test
  void aWellFormedParentIsKeptAsItCame() {
    var context = TraceContext.of(List.of(PARENT), List.of("a=1,b@c=x y")).orElseThrow();

    assertThat(context.traceparent()).isEqualTo(PARENT);
    assertThat(context.tracestate()).isEqualTo("a=1,b@c=x y");
    assertThat(context.traceId()).isEqualTo("0af7651916cd43dd8448eb211c80319c");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01"
      })
  void aMalformedParentIsNone(String traceparent) {
    assertThat(TraceContext.of(List.of(traceparent), List.of("a=1"))).isEmpty();
  }

  @Test
  void aLaterVersionMaySayMore() {
    assertThat(TraceContext.of(List.of("cc" + PARENT.substring(2) + "-what-comes"), List.of()))
        .isPresent();
  }

  @Test
  void twoParentsAreNone() {
    assertThat(TraceContext.of(List.of(PARENT, PARENT), List.of())).isEmpty();
    assertThat(TraceContext.of(List.of(), List.of("a=1"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "=",
        "a",
        "A=1",
        "a=",
        "a=1=2",
        "a=\u0001",
        "-a=1",
        "a b=1",
        "é=1",
        "a=1\r",
        "\ra=1",
        "a=1,\r\n b=2",
        "\u2003a=1"
      })
  void aMalformedStateIsDroppedAlone(String tracestate) {
    var context = TraceContext.of(List.of(PARENT), List.of(tracestate)).orElseThrow();

    assertThat(context.tracestate()).isEmpty();
  }

  @Test
  void linesOfStateAreJoinedAndEmptyMembersPass() {
    var context = TraceContext.of(List.of(PARENT), List.of("a=1", ", b=2 ,")).orElseThrow();

    assertThat(context.tracestate()).isEqualTo("a=1,, b=2 ,");
  }

  @Test
  void stateIsBounded() {
    assertThat(state(TraceContext.MAX_TRACESTATE_MEMBERS)).isNotEmpty();
    assertThat(state(TraceContext.MAX_TRACESTATE_MEMBERS + 1)).isEmpty();
  }

  private static String state(int members) {
    var text =
        IntStream.range(0, members).mapToObj(i -> "k" + i + "=v").collect(Collectors.joining(","));
    return TraceContext.of(List.of(PARENT), List.of(text)).orElseThrow().tracestate();
  }
}
