package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.fuzz.Corpus;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Principal;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What one replica of the gateway says to another, and what anybody may say in its place.
class PeerWordsJazzerFuzz {
  private static final Principal PEER =
      new Principal("cluster-gateway", List.of(Forwarding.PEER_GROUP));
  private static final ObjectMapper JSON = new ObjectMapper();

  @FuzzTest(maxDuration = "2m")
  void forwarding(byte[] input) {
    var fields = new ArrayList<Headers.Field>();
    for (var line : new String(input, ISO_8859_1).split("\n", -1)) {
      int colon = line.indexOf(':');
      if (colon > 0 && line.chars().allMatch(PeerWordsJazzerFuzz::mayCome)) {
        fields.add(new Headers.Field(
            line.substring(0, colon), line.substring(colon + 1).strip()));
      }
    }
    var headers = new Headers(fields);
    assertThat(Forwarding.of(headers, new Principal("tenant", List.of("tenants"))))
        .isEmpty();
    assertThat(Forwarding.of(headers, Principal.ANONYMOUS)).isEmpty();
    try {
      Forwarding.of(headers, PEER).ifPresent(PeerWordsJazzerFuzz::assertSaidAgain);
    } catch (HttpProblem refused) {
      assertThat(refused.status()).isEqualTo(400);
    }
  }

  /// What a field of HTTP may hold (RFC 9110 section 5.5); the server refuses others before.
  private static boolean mayCome(int character) {
    return character == '\t' || (character >= ' ' && character != 0x7f);
  }

  /// A word that was understood is understood the same when it is passed on.
  private static void assertSaidAgain(Forwarding word) {
    assertThat(word.caller().user()).isNotEmpty();
    assertThat(word.caller().groups()).doesNotContain("");
    var out = DefaultHttpHeadersFactory.headersFactory().newHeaders();
    word.addTo(out);
    var again = new ArrayList<Headers.Field>();
    out.forEach(field -> again.add(new Headers.Field(field.getKey(), field.getValue())));
    assertThat(Forwarding.of(new Headers(again), PEER)).contains(word);
  }

  @FuzzTest(maxDuration = "2m")
  void feedLine(byte[] input) {
    try {
      var line = JSON.readTree(new String(input, UTF_8));
      RemoteConnections.entry(line).ifPresent(entry -> {
        assertThat(entry.id()).isNotEmpty();
        assertThat(entry.authorized()).doesNotContainNull();
      });
      assertThat(RemoteConnections.text(line, "connectionID")).isNotNull();
      assertThat(RemoteConnections.time(line)).isNotNull();
    } catch (JsonProcessingException | IllegalArgumentException refused) {
      assertThat(refused).isNotNull(); // the follower asks for a fresh snapshot
    }
  }

  @Test
  void wordsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "forwarding", this::forwarding);
  }

  @Test
  void linesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "feedLine", this::feedLine);
  }
}
