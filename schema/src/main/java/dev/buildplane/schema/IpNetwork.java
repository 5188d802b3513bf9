package dev.buildplane.schema;

import java.math.BigInteger;
import java.util.Optional;

/// An address with a prefix length, such as `10.0.0.0/8`.
record IpNetwork(IpAddress address, int prefixLength) {
  static Optional<IpNetwork> parse(String text) {
    var slash = text.indexOf('/');
    if (slash < 0 || !text.substring(slash + 1).matches("0|[1-9][0-9]{0,2}")) {
      return Optional.empty();
    }
    var length = Integer.parseInt(text.substring(slash + 1));
    return IpAddress.parse(text.substring(0, slash))
        .filter(ip -> length <= ip.width())
        .map(ip -> new IpNetwork(ip, length));
  }

  boolean contains(IpAddress other) {
    return other.family() == address.family() && network(other).equals(network(address));
  }

  boolean contains(IpNetwork other) {
    return prefixLength <= other.prefixLength && contains(other.address);
  }

  IpNetwork masked() {
    return new IpNetwork(
        new IpAddress(address.family(), network(address).shiftLeft(address.width() - prefixLength)),
        prefixLength);
  }

  private BigInteger network(IpAddress ip) {
    return ip.bits().shiftRight(ip.width() - prefixLength);
  }

  @Override
  public String toString() {
    return address + "/" + prefixLength;
  }
}
