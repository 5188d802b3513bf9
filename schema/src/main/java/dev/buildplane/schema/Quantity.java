package dev.buildplane.schema;

import com.google.re2j.Pattern;
import java.math.BigDecimal;
import java.util.Map;
import java.util.Optional;

/// A Kubernetes quantity such as `1.5Gi`, `100m` or `1e3`. Equal when the amounts are equal.
record Quantity(BigDecimal amount) implements Comparable<Quantity> {
  private static final Pattern SHAPE = Pattern.compile(
      "^([+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,3})?$");
  private static final int MAX_LENGTH = 128;
  private static final Map<String, BigDecimal> UNITS = Map.ofEntries(
      binary("Ki", 10),
      binary("Mi", 20),
      binary("Gi", 30),
      binary("Ti", 40),
      binary("Pi", 50),
      binary("Ei", 60),
      decimal("n", -9),
      decimal("u", -6),
      decimal("m", -3),
      decimal("k", 3),
      decimal("M", 6),
      decimal("G", 9),
      decimal("T", 12),
      decimal("P", 15),
      decimal("E", 18));

  Quantity {
    amount = amount.signum() == 0 ? BigDecimal.ZERO : amount.stripTrailingZeros();
  }

  static Optional<Quantity> parse(String text) {
    var matcher = SHAPE.matcher(text);
    if (text.length() > MAX_LENGTH || !matcher.find()) {
      return Optional.empty();
    }
    var number = new BigDecimal(matcher.group(1));
    var unit = matcher.group(2);
    if (unit == null) {
      return Optional.of(new Quantity(number));
    }
    var factor = UNITS.get(unit);
    return Optional.of(new Quantity(
        factor == null
            ? number.scaleByPowerOfTen(Integer.parseInt(unit.substring(1)))
            : number.multiply(factor)));
  }

  private static Map.Entry<String, BigDecimal> binary(String unit, int power) {
    return Map.entry(unit, BigDecimal.TWO.pow(power));
  }

  private static Map.Entry<String, BigDecimal> decimal(String unit, int power) {
    return Map.entry(unit, BigDecimal.ONE.scaleByPowerOfTen(power));
  }

  /// Whether the amount is a whole number of 64 bits.
  boolean isInteger() {
    return amount.scale() <= 0
        && amount.precision() - amount.scale() <= 19
        && amount.toBigInteger().bitLength() < 64;
  }

  @Override
  public int compareTo(Quantity other) {
    return amount.compareTo(other.amount);
  }

  @Override
  public String toString() {
    return Numbers.plain(amount);
  }
}
