package dev.buildplane.schema;

import java.math.BigDecimal;
import java.math.MathContext;

/// Arithmetic on numbers of hostile size. A JSON number such as `1e999999999` is short to write and huge to expand.
final class Numbers {
  /// Numbers with a larger exponent are not expanded.
  static final int MAX_DIGITS = 1_000;

  private Numbers() {}

  static BigDecimal remainder(BigDecimal number, BigDecimal divisor) {
    if (huge(number) || huge(divisor)) {
      return number.round(MathContext.DECIMAL64).signum() == 0 ? BigDecimal.ZERO : BigDecimal.ONE;
    }
    return number.remainder(divisor);
  }

  static String plain(BigDecimal number) {
    return huge(number) ? number.toString() : number.stripTrailingZeros().toPlainString();
  }

  private static boolean huge(BigDecimal number) {
    return Math.abs((long) number.precision() - number.scale()) > MAX_DIGITS
        || Math.abs((long) number.scale()) > MAX_DIGITS;
  }
}
