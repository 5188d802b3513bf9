package dev.buildplane.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Http1LinkTest {
  private static final String SIZED = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  private static final String CHUNKED =
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  private static final String EMPTY = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";

  /// Writes down what it is told.
  private static final class Notes implements Answer {
    final List<String> told = new ArrayList<>();
    final StringBuilder body = new StringBuilder();

    @Override
    public void head(int status) {
      told.add(Integer.toString(status));
    }

    @Override
    public void body(ByteBuf part) {
      body.append(part.toString(US_ASCII));
    }

    @Override
    public void end() {
      told.add(body.toString());
    }

    @Override
    public void failed(Throwable cause) {
      told.add("failed");
    }
  }

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final Http1Link link = new Http1Link(channel, "localhost");

  private Notes asked() {
    var notes = new Notes();
    link.start(Request.get("/small"), notes);
    return notes;
  }

  private void receive(String text) {
    channel.writeInbound(Unpooled.copiedBuffer(text, US_ASCII));
  }

  @ParameterizedTest
  @ValueSource(strings = {SIZED, CHUNKED})
  void anAnswerEndsWhereItsFramingSaysHoweverItIsCut(String answer) {
    channel.pipeline().addLast(link);
    for (int at = 1; at < answer.length(); at++) {
      var notes = asked();
      receive(answer.substring(0, at));
      assertThat(notes.told).doesNotContain("hello");
      receive(answer.substring(at));
      assertThat(notes.told).containsExactly("200", "hello");
    }
  }

  @Test
  void anAnswerWithoutBodyEndsWithItsHead() {
    channel.pipeline().addLast(link);
    var notes = asked();
    receive(EMPTY);
    assertThat(notes.told).containsExactly("503", "");
  }

  @Test
  void aConnectionLostInTheMiddleFailsTheAnswer() {
    channel.pipeline().addLast(link);
    var notes = asked();
    receive(SIZED.substring(0, SIZED.length() - 1));
    channel.close();
    assertThat(notes.told).containsExactly("200", "failed");
  }
}
