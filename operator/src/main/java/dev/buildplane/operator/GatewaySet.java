package dev.buildplane.operator;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Where the replicas of the gateway are: a list, or every address behind one name.
///
/// @param urls base URLs of callers' listeners, `https://host:port`; one of them when `everyAddress`
/// @param everyAddress whether each address that the host resolves to is a replica, as with a headless service
public record GatewaySet(List<URI> urls, boolean everyAddress) {
  /// Replicas followed at once; more are left out.
  public static final int MAX_REPLICAS = 64;

  public GatewaySet {
    urls = List.copyOf(urls);
    if (urls.isEmpty() || urls.size() > MAX_REPLICAS || (everyAddress && urls.size() > 1)) {
      throw new IllegalArgumentException("gateways: expected 1 to " + MAX_REPLICAS
          + " URLs, or one whose addresses are the" + " replicas, found " + urls);
    }
  }

  /// Those replicas and no others.
  public static GatewaySet of(URI... urls) {
    return new GatewaySet(List.of(urls), false);
  }

  /// Every address of the name in that URL.
  public static GatewaySet service(URI url) {
    return new GatewaySet(List.of(url), true);
  }

  /// The name that the certificates bear; absent where each bears the host of its own URL.
  Optional<String> certificateName() {
    return everyAddress ? Optional.of(urls.getFirst().getHost()) : Optional.empty();
  }

  /// The replicas' URLs now. Blocks while a name is resolved.
  ///
  /// @throws UnknownHostException when it cannot be
  List<URI> current() throws UnknownHostException {
    if (!everyAddress) {
      return urls;
    }
    var url = urls.getFirst();
    return Arrays.stream(InetAddress.getAllByName(url.getHost()))
        .limit(MAX_REPLICAS)
        .map(address -> URI.create("https://" + literal(address) + ":" + url.getPort()))
        .distinct()
        .toList();
  }

  private static String literal(InetAddress address) {
    var text = address.getHostAddress().replaceAll("%.*", "");
    return address instanceof Inet6Address ? "[" + text + "]" : text;
  }
}
