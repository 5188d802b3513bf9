package dev.buildplane.http;

import dev.buildplane.pki.ChainVerifier;
import dev.buildplane.pki.Purpose;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.pki.Verdict;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;

/// Remembers which certificate chains were found good by which CAs, since a caller shows the same chain with every request and
/// building a certification path costs a millisecond. Only good verdicts are kept, and only until the first certificate of
/// their path expires; another set of CAs is another key, so that trust withdrawn is forgotten at once. Any thread.
final class VerifiedCallers {
  /// Chains remembered; one more empties it.
  static final int MAX_CHAINS = 1024;

  private record Key(List<X509Certificate> chain, TrustBundle trust) {}

  private static final ConcurrentHashMap<Key, Instant> GOOD_UNTIL = new ConcurrentHashMap<>();

  private VerifiedCallers() {}

  static Verdict judge(List<X509Certificate> chain, TrustBundle trust, Instant now) {
    var key = new Key(List.copyOf(chain), trust);
    var until = GOOD_UNTIL.get(key);
    if (until != null && !now.isAfter(until) && isValidYet(chain, now)) {
      return new Verdict.Trusted(until);
    }
    var verdict = ChainVerifier.judge(chain, trust, now, Purpose.CLIENT);
    if (verdict instanceof Verdict.Trusted(var notAfter)) {
      if (GOOD_UNTIL.size() >= MAX_CHAINS) {
        GOOD_UNTIL.clear();
      }
      GOOD_UNTIL.put(key, notAfter);
    }
    return verdict;
  }

  /// A clock set back may come before a certificate's beginning.
  private static boolean isValidYet(List<X509Certificate> chain, Instant now) {
    return !now.isBefore(chain.getFirst().getNotBefore().toInstant());
  }
}
