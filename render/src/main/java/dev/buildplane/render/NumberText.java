package dev.buildplane.render;

import java.math.BigDecimal;

/// Numbers as text: never in exponent notation unless they are huge or tiny.
///
/// OpenChoreo v0.17 prints every number from one million up in exponent notation (`1e+06`), also integers, because it takes
/// them for doubles. Image tags, ports and sizes made of such text are wrong, so here 1000000 is `1000000`.
final class NumberText {
  private static final double HUGE = 1e21;
  private static final double TINY = 1e-5;

  private NumberText() {}

  static String of(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "+Inf" : "-Inf";
    }
    var size = Math.abs(number);
    var exact = BigDecimal.valueOf(number);
    if (number == 0 || (size >= TINY && size < HUGE)) {
      return number == 0 ? "0" : exact.stripTrailingZeros().toPlainString();
    }
    var digits = exact.stripTrailingZeros();
    var exponent = digits.precision() - digits.scale() - 1;
    var mantissa = digits.movePointLeft(exponent).stripTrailingZeros().toPlainString();
    return mantissa + "e" + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }
}
