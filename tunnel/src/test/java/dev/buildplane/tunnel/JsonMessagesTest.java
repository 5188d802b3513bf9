package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.Base64;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonMessagesTest {
  private static byte[] joined(Iterable<byte[]> parts) {
    var whole = new ByteArrayOutputStream();
    parts.forEach(whole::writeBytes);
    return whole.toByteArray();
  }

  private static Base64Chunks body(String text) {
    var body = new Base64Chunks();
    body.write(Unpooled.copiedBuffer(text, UTF_8));
    return body;
  }

  private static String text(Deque<byte[]> parts) {
    return new String(joined(parts), UTF_8);
  }

  private static JsonRequest request(String json) throws MalformedMessage {
    return JsonReader.request(new ByteArrayInputStream(json.getBytes(UTF_8)));
  }

  private static JsonAnswer answer(String json) throws MalformedMessage {
    return JsonReader.answer(new ByteArrayInputStream(json.getBytes(UTF_8)));
  }

  @Test
  void aRequestIsWrittenAsTheWireContractShowsIt() {
    var headers = new DefaultHttpHeaders().add("accept", "application/json").add("x-a-b", "1");
    headers.add("X-A-B", "2");
    assertThat(text(JsonWriter.request(
            "id-1", "gw-1", "k8s", "GET", "/a b", "limit=5", headers, body("hi"))))
        .isEqualTo("{\"requestID\":\"id-1\",\"gatewayRequestID\":\"gw-1\",\"target\":\"k8s\","
            + "\"method\":\"GET\",\"path\":\"/a b\",\"query\":\"limit=5\","
            + "\"headers\":{\"Accept\":[\"application/json\"],\"X-A-B\":[\"1\",\"2\"]},"
            + "\"body\":\"aGk=\"}");
  }

  @Test
  void whatIsEmptyIsLeftOut() {
    assertThat(text(JsonWriter.request(
            "i", "", "k8s", "GET", "/", "", new DefaultHttpHeaders(), new Base64Chunks())))
        .isEqualTo("{\"requestID\":\"i\",\"target\":\"k8s\",\"method\":\"GET\",\"path\":\"/\"}");
  }

  @Test
  void anAnswerOfV017IsRead() throws Exception {
    var read = answer(
        "{\"requestID\":\"6f0c\",\"statusCode\":200,\"headers\":{\"Content-Type\":[\"application/json\"],"
            + "\"X\":null},\"body\":\"eyJpdGVtcyI6W119\",\"error\":null,\"later\":{\"a\":[1,{}]}}");
    assertThat(read.requestId()).isEqualTo("6f0c");
    assertThat(read.status()).isEqualTo(200);
    assertThat(read.headers().get("content-type")).isEqualTo("application/json");
    assertThat(new String(joined(read.body()), UTF_8)).isEqualTo("{\"items\":[]}");
    assertThat(read.error()).isEmpty();
  }

  @Test
  void aFailureOfTheAgentIsReadWithItsText() throws Exception {
    var read = answer("{\"error\":{\"code\":404,\"message\":\"unknown target: x\",\"details\":{}},"
        + "\"statusCode\":404,\"requestID\":\"r\"}");
    assertThat(read.error()).isEqualTo("unknown target: x");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      value = {
        "``",
        "`[]`",
        "`{}`",
        "`{\"requestID\":1}`",
        "`{\"requestID\":\"a\",\"statusCode\":200} x`",
        "`{\"requestID\":\"a\",\"statusCode\":200,\"statusCode\":200}`",
        "`{\"requestID\":\"a\",\"statusCode\":1e2}`",
        "`{\"requestID\":\"a\",\"statusCode\":99999999999}`",
        "`{\"requestID\":\"a\",\"statusCode\":199}`",
        "`{\"requestID\":\"a\",\"statusCode\":600}`",
        "`{\"requestID\":\"a\",\"statusCode\":200,\"body\":\"a\"}`",
        "`{\"requestID\":\"a\",\"statusCode\":200,\"body\":\"!!!!\"}`",
        "`{\"requestID\":\"a\",\"statusCode\":200,\"headers\":{\"A\":[1]}}`",
        "`{\"requestID\":\"a\",\"statusCode\":200,\"headers\":{\"\":[\"x\"]}}`",
      })
  void whatIsNoAnswerIsToldApart(String json) {
    assertThatThrownBy(() -> answer(json)).isInstanceOf(MalformedMessage.class);
  }

  @Test
  void bombsAreRefusedBeforeTheyGrow() {
    for (var bomb : new String[] {
      "{\"requestID\":\"a\",\"x\":" + "[".repeat(10_000_000),
      "{\"requestID\":\"a\",\"x\":" + "9".repeat(10_000_000) + "}",
      "{\"requestID\":\"a\",\"" + "n".repeat(10_000_000) + "\":1}",
      "{\"requestID\":\"a\",\"path\":\"" + "p".repeat(10_000_000) + "\"}",
      "{\"requestID\":\"a\",\"x\":[" + "1,".repeat(5_000_000) + "1]}",
      "{\"requestID\":\"a\",\"statusCode\":200,\"headers\":{\"X\":[" + "\"\",".repeat(2_000)
          + "\"\"]}}",
      "{\"requestID\":\"a\",\"statusCode\":200,\"headers\":{\"X\":["
          + ("\"" + "v".repeat(60_000) + "\",").repeat(2) + "\"\"]}}",
    }) {
      assertThatThrownBy(() -> answer(bomb))
          .isInstanceOfSatisfying(
              MalformedMessage.class, fault -> assertThat(fault.requestId()).isEqualTo("a"));
    }
  }

  @Test
  void theIdIsFoundInABeginning() {
    assertThat(JsonReader.requestIdOf(new ByteArrayInputStream(
            "{\"requestID\":\"abc\",\"statusCode\":200,\"body\":\"AAAA".getBytes(UTF_8))))
        .isEqualTo("abc");
    assertThat(JsonReader.requestIdOf(new ByteArrayInputStream("{\"body\":\"AAAA".getBytes(UTF_8))))
        .isEmpty();
  }

  /// Whatever is done to a message, reading it ends with a message or with [MalformedMessage].
  @Test
  void mutatedMessagesNeverDoWorseThanBeRefused() {
    long seed = Long.getLong("seed", 11L);
    System.out.println("JsonMessagesTest seed " + seed);
    var random = new Random(seed);
    var valid = ("{\"requestID\":\"6f0c\",\"statusCode\":200,\"headers\":{\"A\":[\"b\",\"ü\"]},"
            + "\"body\":\"eyJpdGVtcyI6W119\",\"error\":{\"code\":1,\"message\":\"m\"},\"n\":-1.5e3}")
        .getBytes(UTF_8);
    int read = 0;
    for (int round = 0; round < 20_000; round++) {
      var mutated = valid.clone();
      for (int change = random.nextInt(4); change >= 0; change--) {
        mutated[random.nextInt(mutated.length)] = (byte) random.nextInt(256);
      }
      var in = new ByteArrayInputStream(mutated, 0, 1 + random.nextInt(mutated.length));
      try {
        assertThat(JsonReader.answer(in).requestId()).isNotEmpty();
        read++;
      } catch (MalformedMessage refused) {
        assertThat(refused.text()).as("seed %d", seed).isNotEmpty();
      }
    }
    assertThat(read).as("some mutations are harmless").isPositive();
  }

  /// Base64 of any bytes written in any pieces is the base64 of the whole, and reads back.
  @Test
  void aBodySurvivesEveryCut() throws Exception {
    long seed = Long.getLong("seed", 12L);
    System.out.println("JsonMessagesTest seed " + seed);
    var random = new Random(seed);
    for (int round = 0; round < 60; round++) {
      var bytes = new byte[random.nextInt(round < 40 ? 300 : 300_000)];
      random.nextBytes(bytes);
      var encoded = new Base64Chunks();
      for (int at = 0; at < bytes.length; ) {
        int n = Math.min(bytes.length - at, 1 + random.nextInt(round < 40 ? 7 : 70_000));
        encoded.write(Unpooled.wrappedBuffer(bytes, at, n));
        at += n;
      }
      var message = joined(JsonWriter.answer("r", 200, new DefaultHttpHeaders(), encoded));
      assertThat(new String(message, UTF_8)).contains(Base64.getEncoder().encodeToString(bytes));
      var gathered = new Chunks();
      for (int at = 0; at < message.length; ) {
        int n = Math.min(message.length - at, 1 + random.nextInt(10_000));
        gathered.write(Unpooled.wrappedBuffer(message, at, n));
        at += n;
      }
      assertThat(gathered.size()).isEqualTo(message.length);
      assertThat(joined(JsonReader.answer(gathered.drain()).body()))
          .as("round %d, seed %d", round, seed)
          .isEqualTo(bytes);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "/plain/path, /plain/path",
    "/a%20b, /a b",
    "/%C3%BC, /ü",
    // Kept: decoded they would mean something else, or nothing.
    "/a%2Fb, /a%2Fb",
    "/a%2fb%20c, /a%2fb%20c",
    "/a%25, /a%25",
    "/a%3Fb, /a%3Fb",
    "/a%0Ab, /a%0Ab",
    "/a%FF, /a%FF",
    "/a%, /a%",
    "/a%zz, /a%zz",
    "/%2e%2e/a, /../a",
  })
  void aPathIsDecodedUnlessThatWouldLoseSomething(String raw, String path) {
    assertThat(JsonPath.toMessage(raw)).isEqualTo(path);
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "/a b, '', /a%20b",
        "/a%2Fb?c#d, '', /a%252Fb%3Fc%23d",
        "/ü, 'a=%20&b=ü', /%C3%BC?a=%20&b=%C3%BC",
        "/, 'a b#c', '/?a%20b%23c'",
      })
  void aRequestTargetHoldsNothingThatEndsIt(String path, String query, String uri) {
    assertThat(JsonPath.toRequestTarget(path, query)).isEqualTo(uri);
  }
}
