package dev.buildplane.testkit;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// TLS by the JDK's own means, so that what tests speak shares no code with what they test.
public final class TestTls {
  private TestTls() {}

  /// Trusts `peers` and shows `own`, expired or foreign as it may be.
  ///
  /// @param own null shows nothing
  public static SSLContext context(TrustBundle peers, @Nullable Identity own) {
    try {
      var trusted = KeyStore.getInstance("PKCS12");
      var keys = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      keys.load(null, null);
      for (var certificate : peers.certificates()) {
        trusted.setCertificateEntry("ca-" + trusted.size(), certificate);
      }
      if (own != null) {
        keys.setKeyEntry("own", own.key(), new char[0], own.chain().toArray(Certificate[]::new));
      }
      var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      var shown = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      shown.init(keys, new char[0]);
      var context = SSLContext.getInstance("TLS");
      context.init(shown.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | java.io.IOException e) {
      throw new IllegalStateException("this Java cannot build a TLS context", e);
    }
  }
}
