package dev.buildplane.http;

/// An error to be told to the caller as it is: status, and a text that says what was expected,
/// found and to do.
public final class HttpProblem extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String text;

  public HttpProblem(int status, String message) {
    super(message);
    this.status = status;
    this.text = message;
  }

  public int status() {
    return status;
  }

  @Override
  public String getMessage() {
    return text;
  }
}
