package dev.buildplane.apiserver;

import static java.util.Objects.requireNonNull;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.Random;

/// What one API server is started with.
///
/// @param name for log lines and thread names, for example `hub`
/// @param bind where to listen; port 0 takes any free port, see [ApiServer#port]
/// @param identity what the server shows in TLS
/// @param clientTrust CAs of client certificates: common name = user, organisations = groups
/// @param random source of UIDs and generated names; a secure one, except in tests
public record ApiServerSettings(
    String name,
    InetSocketAddress bind,
    Identity identity,
    TrustBundle clientTrust,
    InstantSource clock,
    Random random) {
  public ApiServerSettings {
    requireNonNull(name, "name");
    requireNonNull(bind, "bind");
    requireNonNull(identity, "identity");
    requireNonNull(clientTrust, "clientTrust");
    requireNonNull(clock, "clock");
    requireNonNull(random, "random");
  }

  /// With the system's clock and secure random numbers.
  public static ApiServerSettings of(
      String name, InetSocketAddress bind, Identity identity, TrustBundle clientTrust) {
    return new ApiServerSettings(
        name,
        bind,
        identity,
        clientTrust,
        InstantSource.system(),
        new java.security.SecureRandom());
  }
}
