package dev.buildplane.operator;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/// Trusts servers whose chain is good and whose certificate bears one given name, whatever the address that was dialled: the
/// pods of a headless service have the service's name in their certificates, not their addresses. Names are compared whole,
/// without wildcards. Never trusts clients.
final class NamedServerTrust extends X509ExtendedTrustManager {
  private static final int DNS_NAME = 2; // RFC 5280 section 4.2.1.6, GeneralName [2]

  private final X509TrustManager chains;
  private final String name;

  NamedServerTrust(X509TrustManager chains, String name) {
    this.chains = chains;
    this.name = name;
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    chains.checkServerTrusted(chain, authType);
    var names = chain[0].getSubjectAlternativeNames();
    if ((names == null ? List.<List<?>>of() : names).stream().noneMatch(this::matches)) {
      throw new CertificateException("server certificate: expected the name " + name + ", found "
          + (names == null ? "none" : names));
    }
  }

  private boolean matches(Collection<?> general) {
    var parts = List.copyOf(general);
    return Integer.valueOf(DNS_NAME).equals(parts.get(0))
        && name.equalsIgnoreCase(String.valueOf(parts.get(1)));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    checkServerTrusted(chain, authType);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    checkServerTrusted(chain, authType);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    throw new CertificateException("this trust is for servers only");
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    checkClientTrusted(chain, authType);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    checkClientTrusted(chain, authType);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return chains.getAcceptedIssuers();
  }
}
