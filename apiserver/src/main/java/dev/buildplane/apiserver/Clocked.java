package dev.buildplane.apiserver;

import java.time.Instant;
import java.time.InstantSource;
import java.util.Random;
import java.util.UUID;

/// Time and chance, as given to the server.
record Clocked(InstantSource clock, Random random) {
  /// Letters and digits that form no words, as Kubernetes takes for generated names.
  private static final String ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
  private static final int SUFFIX_CHARS = 5;

  Instant now() {
    return clock.instant();
  }

  /// A version 4 UUID (RFC 9562 section 5.4).
  String uid() {
    var high = (random.nextLong() & 0xFFFF_FFFF_FFFF_0FFFL) | 0x4000L;
    var low = (random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL) | 0x8000_0000_0000_0000L;
    return new UUID(high, low).toString();
  }

  String nameSuffix() {
    var suffix = new StringBuilder();
    for (var i = 0; i < SUFFIX_CHARS; i++) {
      suffix.append(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
    }
    return suffix.toString();
  }
}
