package dev.buildplane.operator;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.Optional;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/// Mutual TLS as a client: shows an identity, trusts one bundle and nothing else.
final class Tls {
  private static final char[] NO_PASSWORD = new char[0];

  private Tls() {}

  /// @throws IllegalArgumentException when the JDK cannot use the key or the certificates
  static SSLContext context(Identity identity, TrustBundle trust) {
    return context(identity, trust, Optional.empty());
  }

  /// As above; servers must bear `name` whatever address was dialled, if there is one.
  static SSLContext context(Identity identity, TrustBundle trust, Optional<String> name) {
    try {
      var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      var own = empty();
      own.setKeyEntry(
          "identity", identity.key(), NO_PASSWORD, identity.chain().toArray(Certificate[]::new));
      keys.init(own, NO_PASSWORD);
      var anchors = empty();
      for (int i = 0; i < trust.certificates().size(); i++) {
        anchors.setCertificateEntry("ca-" + i, trust.certificates().get(i));
      }
      var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trusted.init(anchors);
      var context = SSLContext.getInstance("TLS");
      var trusting = trusted.getTrustManagers();
      if (name.isPresent() && trusting[0] instanceof X509TrustManager chains) {
        trusting = new TrustManager[] {new NamedServerTrust(chains, name.get())};
      }
      context.init(keys.getKeyManagers(), trusting, null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalArgumentException(
          "cannot use the identity or the CA of the gateway: " + e.getMessage(), e);
    }
  }

  private static KeyStore empty() throws GeneralSecurityException, IOException {
    var store = KeyStore.getInstance("PKCS12");
    store.load(null, NO_PASSWORD);
    return store;
  }
}
