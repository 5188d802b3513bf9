package dev.buildplane.pki;

import java.time.Instant;

/// What [ChainVerifier] found.
public sealed interface Verdict {
  /// Trusted until the first certificate of the path expires.
  record Trusted(Instant notAfter) implements Verdict {}

  /// Not trusted, and why, in words for a log or a status.
  record Refused(Reason reason, String detail) implements Verdict {}

  /// Codes are public: statuses and metrics carry them. Add freely, never rename.
  enum Reason {
    NO_CERTIFICATE,
    EXPIRED,
    NOT_YET_VALID,
    WRONG_USAGE,
    UNKNOWN_AUTHORITY
  }
}
