package dev.buildplane.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/// A request target that passes means one thing to every parser behind us.
class RequestTargetJazzerFuzz {
  @FuzzTest(maxDuration = "2m")
  void requestTarget(byte[] input) {
    var text = new String(input, ISO_8859_1);
    try {
      var target = RequestTarget.parse(text);
      assertThat(target.rawPath()).startsWith("/").doesNotContain("?", "#", "\\", " ");
      assertThat(text).endsWith(target.rawQuery());
      // Decoded as far as anybody might, however often.
      var path = target.rawPath().toLowerCase(Locale.ROOT);
      assertThat(path.replace("%2e", ".").replace("%2f", "/") + "/")
          .doesNotContain("/../", "/./", "%00", "%5c");
    } catch (HttpProblem refused) {
      assertThat(refused.status()).isEqualTo(400);
    }
  }

  @Test
  void inputsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "requestTarget", this::requestTarget);
  }
}
