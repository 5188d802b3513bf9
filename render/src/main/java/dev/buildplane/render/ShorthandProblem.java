package dev.buildplane.render;

/// Thrown inside the shorthand parser for one field it cannot read.
final class ShorthandProblem extends Exception {
  private static final long serialVersionUID = 1L;

  ShorthandProblem(String message) {
    super(message);
  }
}
