package dev.buildplane.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Request targets put together from what attacks are made of, judged by another, slower reading of the rule.
class RequestTargetFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 50_000;
  private static final List<String> PIECES = List.of(
      "/",
      "//",
      ".",
      "..",
      "a",
      "%2e",
      "%2E",
      "%2f",
      "%2F",
      "%5c",
      "\\",
      "%00",
      "%",
      "%2",
      "%zz",
      "%25",
      "%252e",
      ";",
      "?",
      "#",
      "=",
      "&",
      " ",
      "\t",
      "\u0000",
      "\u007f",
      "\u00e9",
      "http://",
      "https://x",
      "HTTP://x/",
      "ftp://x/",
      "@",
      ":",
      "*",
      "%c0%ae",
      "+",
      "~");

  @Test
  void whatPassesIsReadTheSameWayByEverybody() {
    System.out.println("RequestTargetFuzz seed " + SEED);
    var random = new Random(SEED);
    int passed = 0;
    for (int round = 0; round < ROUNDS; round++) {
      var target = random.nextInt(4) == 0 ? "" : "/";
      for (int piece = random.nextInt(8); piece >= 0; piece--) {
        target += PIECES.get(random.nextInt(PIECES.size()));
      }
      try {
        check(target, RequestTarget.parse(target));
        passed++;
      } catch (HttpProblem refused) {
        assertThat(refused.status()).isEqualTo(400);
      }
    }
    assertThat(passed).isBetween(ROUNDS / 100, ROUNDS / 2);
  }

  private static void check(String target, RequestTarget parsed) {
    var whole = parsed.rawPath() + (parsed.rawQuery().isEmpty() ? "" : "?" + parsed.rawQuery());
    var given = target.startsWith("/") ? target : fromAuthority(target);
    assertThat(whole)
        .as(target)
        .isEqualTo(
            given.endsWith("?") && parsed.rawQuery().isEmpty()
                ? given.substring(0, given.length() - 1)
                : given);
    assertThat(whole).as(target).matches("[\\x21-\\x7e]*").doesNotContain("#");
    var decoded =
        URLDecoder.decode(parsed.rawPath().replace("+", "%2B"), StandardCharsets.ISO_8859_1);
    assertThat(decoded).as(target).startsWith("/").doesNotContain("\\").doesNotContain("\u0000");
    assertThat(List.of(decoded.split("/", -1))).as(target).doesNotContain(".", "..");
  }

  private static String fromAuthority(String target) {
    var rest = target.substring(target.indexOf("://") + 3);
    return rest.indexOf('/') < 0 ? "/" : rest.substring(rest.indexOf('/'));
  }
}
