package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Header fields through the tunnel and back: what belongs to one connection, by its nature or because `Connection` says so,
/// never travels; all else does, in order.
class HeaderMappingFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 5_000;
  private static final Set<String> NEVER = Set.of(
      "connection",
      "transfer-encoding",
      "upgrade",
      "host",
      "http2-settings",
      "keep-alive",
      "proxy-connection",
      "x-buildplane-upgrade-method");
  private static final List<String> NAMES = List.of(
      "Connection",
      "Transfer-Encoding",
      "UPGRADE",
      "Host",
      "HTTP2-Settings",
      "Keep-Alive",
      "Proxy-Connection",
      "X-Buildplane-Upgrade-Method",
      "TE",
      "Accept",
      "Authorization",
      "Impersonate-User",
      "X-A",
      "x-a",
      "Cookie");
  private static final List<String> VALUES = List.of(
      "a",
      "",
      "a, b",
      "Impersonate-User",
      "x-a , AUTHORIZATION",
      "close, Accept",
      "trailers",
      "gzip, trailers",
      ",,",
      "upgrade");

  @Test
  void whatBelongsToAConnectionStaysThere() {
    System.out.println("HeaderMappingFuzz seed " + SEED);
    var random = new Random(SEED);
    for (int round = 0; round < ROUNDS; round++) {
      var sent = new DefaultHttpHeaders();
      for (int i = random.nextInt(10); i >= 0; i--) {
        sent.add(
            NAMES.get(random.nextInt(NAMES.size())), VALUES.get(random.nextInt(VALUES.size())));
      }
      var arrived = new DefaultHttpHeaders();
      HeaderMapping.toHttp1(HeaderMapping.toHttp2(sent), arrived);
      check(sent, arrived);
    }
  }

  private static void check(DefaultHttpHeaders sent, DefaultHttpHeaders arrived) {
    var nominated = sent.getAll("connection").stream()
        .flatMap(line -> List.of(line.split(",", -1)).stream())
        .map(token -> token.strip().toLowerCase(Locale.ROOT))
        .toList();
    for (var name : Set.copyOf(NAMES)) {
      var lower = name.toLowerCase(Locale.ROOT);
      if (NEVER.contains(lower)) {
        assertThat(arrived.getAll(name)).as(name).isEmpty();
      } else if (lower.equals("te")) {
        assertThat(arrived.getAll(name)).isSubsetOf("trailers");
      } else if (nominated.contains(lower)) {
        assertThat(arrived.getAll(name)).as("%s of %s", name, sent).isEmpty();
      } else {
        assertThat(arrived.getAll(name)).as("%s of %s", name, sent).isEqualTo(sent.getAll(name));
      }
    }
  }
}
