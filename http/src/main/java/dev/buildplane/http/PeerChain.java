package dev.buildplane.http;

import io.netty.channel.Channel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.AttributeKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLPeerUnverifiedException;

/// The certificates a caller showed in TLS, read once per connection: no version of TLS that is spoken here changes them later. Equal chains of
/// several connections are one object, so that caches keyed by them compare references. Any thread.
final class PeerChain {
  /// Distinct chains shared; one more empties the pool.
  static final int MAX_SHARED = 4096;

  private static final AttributeKey<List<X509Certificate>> KEY =
      AttributeKey.valueOf("buildplane.peer-chain");
  private static final ConcurrentHashMap<List<X509Certificate>, List<X509Certificate>> SHARED =
      new ConcurrentHashMap<>();

  private PeerChain() {}

  /// Leaf first; empty without TLS or when the caller showed none.
  static List<X509Certificate> of(Channel connection) {
    var known = connection.attr(KEY).get();
    if (known != null) {
      return known;
    }
    var chain = shared(read(connection));
    connection.attr(KEY).set(chain);
    return chain;
  }

  private static List<X509Certificate> shared(List<X509Certificate> chain) {
    if (chain.isEmpty()) {
      return List.of();
    }
    if (SHARED.size() >= MAX_SHARED) {
      SHARED.clear();
    }
    var first = SHARED.putIfAbsent(chain, chain);
    return first == null ? chain : first;
  }

  private static List<X509Certificate> read(Channel connection) {
    var ssl = connection.pipeline().get(SslHandler.class);
    if (ssl == null) {
      return List.of();
    }
    try {
      var chain = new ArrayList<X509Certificate>();
      for (Certificate certificate : ssl.engine().getSession().getPeerCertificates()) {
        if (certificate instanceof X509Certificate x509) {
          chain.add(x509);
        }
      }
      return List.copyOf(chain);
    } catch (SSLPeerUnverifiedException e) {
      return List.of(); // the caller showed none
    }
  }
}
