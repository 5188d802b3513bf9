package dev.buildplane.patch;

/// A patch that cannot be applied to the object it was sent for. The object is left as it was.
///
/// The message names the place (operation index and path, or field path), what was expected and what was found. An API server answers
/// it with 422 `Invalid` ([Reason#TEST_FAILED], [Reason#UNAPPLICABLE]) or 400 `BadRequest` ([Reason#MALFORMED]).
public final class PatchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// What kind of trouble it is.
  public enum Reason {
    /// The patch document itself is not well-formed: repeating it will never help.
    MALFORMED,
    /// A `test` operation of RFC 6902 did not hold.
    TEST_FAILED,
    /// The patch is well-formed but does not fit this object (for example a missing path).
    UNAPPLICABLE
  }

  private final Reason reason;

  /// @param reason what kind of trouble it is
  /// @param message for the client, in one line
  public PatchException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /// What kind of trouble it is.
  public Reason reason() {
    return reason;
  }

  static PatchException malformed(String message) {
    return new PatchException(Reason.MALFORMED, message);
  }

  static PatchException unapplicable(String message) {
    return new PatchException(Reason.UNAPPLICABLE, message);
  }
}
