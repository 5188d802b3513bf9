package dev.buildplane.bench;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.util.Optional;

/// Where the load client sends its requests.
///
/// @param prefix what goes before each path, without a trailing slash
/// @param user the client certificate to show
record Endpoint(
    String host,
    int port,
    String prefix,
    boolean http2,
    TrustBundle trust,
    Optional<Identity> user) {}
