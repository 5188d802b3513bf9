package dev.buildplane.gateway;

import static java.util.Objects.requireNonNull;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Where a replica's callers' listener may be.
///
/// @param host the name its certificate must bear
/// @param address where to dial; resolved at each dial when it is not yet
public record PeerAddress(String host, InetSocketAddress address) {
  private static final Logger log = LoggerFactory.getLogger(PeerAddress.class);
  private static final int HTTPS_PORT = 443;

  /// Addresses taken from one name; more are left out.
  static final int MAX_PEERS = 64;

  public PeerAddress {
    requireNonNull(host, "host");
    requireNonNull(address, "address");
  }

  /// `https://host:port`.
  ///
  /// @throws IllegalArgumentException for anything else
  public static PeerAddress of(URI url) {
    if (!"https".equals(url.getScheme()) || url.getHost() == null) {
      throw new IllegalArgumentException(
          "peer: expected a URL like https://gateway-1.example:8444, found " + url);
    }
    var host = url.getHost().replaceAll("^\\[|]$", "");
    int port = url.getPort() < 0 ? HTTPS_PORT : url.getPort();
    return new PeerAddress(host, InetSocketAddress.createUnresolved(host, port));
  }

  /// A list that never changes.
  public static Supplier<Set<PeerAddress>> fixed(List<URI> urls) {
    var addresses = new LinkedHashSet<PeerAddress>();
    urls.forEach(url -> addresses.add(of(url)));
    return () -> addresses;
  }

  /// Every address of a name, for example of a headless service, resolved anew each time; blocks meanwhile. While the name
  /// cannot be resolved the last answer stands.
  public static Supplier<Set<PeerAddress>> service(URI url) {
    var named = of(url);
    return new Supplier<>() {
      private Set<PeerAddress> last = Set.of();

      @Override
      public synchronized Set<PeerAddress> get() {
        try {
          var found = new LinkedHashSet<PeerAddress>();
          Arrays.stream(InetAddress.getAllByName(named.host()))
              .limit(MAX_PEERS)
              .forEach(one -> found.add(new PeerAddress(
                  named.host(), new InetSocketAddress(one, named.address().getPort()))));
          last = found;
        } catch (UnknownHostException e) {
          log.warn("peers: {} cannot be resolved; the last addresses stand", named.host());
        }
        return last;
      }
    };
  }

  /// The value of `Host`.
  String authority() {
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  @Override
  public String toString() {
    return address.isUnresolved()
        ? host + ":" + address.getPort()
        : address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
