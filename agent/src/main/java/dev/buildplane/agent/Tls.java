package dev.buildplane.agent;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/// TLS client contexts from PEM material.
final class Tls {
  private Tls() {}

  /// @param identity the client certificate, null for none
  /// @param trust the only CAs trusted
  static SslContext pinned(@Nullable Identity identity, TrustBundle trust) throws AgentProblem {
    return build(SslContextBuilder.forClient().trustManager(trust.certificates()), identity);
  }

  /// Trusts what this system's Java trusts.
  static SslContext system(@Nullable Identity identity) throws AgentProblem {
    return build(SslContextBuilder.forClient(), identity);
  }

  /// Verifies nothing; only where a kubeconfig says so in so many words.
  static SslContext unverified(@Nullable Identity identity) throws AgentProblem {
    return build(
        SslContextBuilder.forClient()
            .trustManager(InsecureTrustManagerFactory.INSTANCE)
            .endpointIdentificationAlgorithm(null),
        identity);
  }

  private static SslContext build(SslContextBuilder builder, @Nullable Identity identity)
      throws AgentProblem {
    try {
      if (identity != null) {
        builder.keyManager(identity.key(), identity.chain());
      }
      return builder.protocols("TLSv1.3", "TLSv1.2").build();
    } catch (SSLException e) {
      throw new AgentProblem("cannot set up TLS: " + e.getMessage(), e);
    }
  }
}
