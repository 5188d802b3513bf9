package dev.buildplane.http;

import dev.buildplane.pki.Identity;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SSLException;

/// What a server shows in TLS: certificate chain (leaf first) and its key. [#replace] takes effect for connections
/// accepted afterwards; open ones go on with what they began with.
///
/// The client's certificate is asked for and never checked here: no issuer list is sent, so clients of any CA present
/// what they have, and the policy of the route decides. TLS 1.2 or newer; BoringSSL when its library is there, else
/// the JDK's TLS. Thread-safe.
public final class TlsIdentity {
  /// Which TLS library serves the connections.
  public enum Provider {
    BORINGSSL,
    JDK
  }

  private final Provider provider;
  private volatile SslContext context;

  private TlsIdentity(Provider provider, SslContext context) {
    this.provider = provider;
    this.context = context;
  }

  /// From a chain and its key.
  ///
  /// @throws IllegalArgumentException when key and certificate do not form a usable identity
  public static TlsIdentity of(List<X509Certificate> chain, PrivateKey key) {
    return of(chain, key, OpenSsl.isAvailable() ? Provider.BORINGSSL : Provider.JDK);
  }

  /// From what `pki` reads or issues.
  public static TlsIdentity of(Identity identity) {
    return of(identity.chain(), identity.key());
  }

  /// Shows another certificate from the next accepted connection on.
  public void replace(Identity identity) {
    replace(identity.chain(), identity.key());
  }

  /// With that library, for comparisons.
  static TlsIdentity of(List<X509Certificate> chain, PrivateKey key, Provider provider) {
    return new TlsIdentity(provider, build(chain, key, provider));
  }

  /// Shows another certificate from the next accepted connection on.
  public void replace(List<X509Certificate> chain, PrivateKey key) {
    context = build(chain, key, provider);
  }

  public Provider provider() {
    return provider;
  }

  SslContext context() {
    return context;
  }

  private static SslContext build(List<X509Certificate> chain, PrivateKey key, Provider provider) {
    if (chain.isEmpty()) {
      throw new IllegalArgumentException(
          "server certificate: expected at least one certificate, found none; give the leaf first, then its issuers");
    }
    try {
      // TLS 1.3 and the ephemeral AEAD suites that RFC 9113 section 9.2.2 leaves for HTTP/2.
      return SslContextBuilder.forServer(key, chain)
          .sslProvider(provider == Provider.BORINGSSL ? SslProvider.OPENSSL : SslProvider.JDK)
          .protocols("TLSv1.3", "TLSv1.2")
          .ciphers(Http2SecurityUtil.CIPHERS, SupportedCipherSuiteFilter.INSTANCE)
          .clientAuth(ClientAuth.OPTIONAL)
          .trustManager(new AnyClientTrust())
          .applicationProtocolConfig(new ApplicationProtocolConfig(
              Protocol.ALPN,
              SelectorFailureBehavior.NO_ADVERTISE,
              SelectedListenerFailureBehavior.ACCEPT,
              ApplicationProtocolNames.HTTP_2,
              ApplicationProtocolNames.HTTP_1_1))
          .build();
    } catch (SSLException e) {
      throw new IllegalArgumentException(
          "server certificate: expected a chain and its private key, found an unusable pair: "
              + e.getMessage(),
          e);
    }
  }
}
