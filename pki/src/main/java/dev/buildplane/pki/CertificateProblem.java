package dev.buildplane.pki;

/// Certificate text that cannot be used. The message says what was expected, what was found and what to do; it never
/// contains key material.
public final class CertificateProblem extends Exception {
  private static final long serialVersionUID = 1L;

  public CertificateProblem(String message) {
    super(message);
  }

  public CertificateProblem(String message, Throwable cause) {
    super(message, cause);
  }
}
