package dev.buildplane.plan;

import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneConditions.Reason;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.ClientCA;
import dev.buildplane.plan.PlaneObserved.Validity;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// What certificates say about a plane: whether its client CA can be used now, and whether anything expires soon.
public final class CertificateFindings {
  private CertificateFindings() {}

  /// Whether the CA that agents must chain to can be used now.
  static Finding clientCA(PlaneObserved seen) {
    return clientCA(seen.clientCA(), seen.now());
  }

  private static Finding clientCA(ClientCA lookup, Instant now) {
    var type = PlaneConditions.CLIENT_CA_RESOLVED;
    return switch (lookup) {
      case ClientCA.NotConfigured _ ->
        Finding.no(
            type,
            Reason.NOT_CONFIGURED,
            "expected a client CA, found none; set spec.clusterAgent.clientCA.secretRef or .value");
      case ClientCA.SecretMissing(var namespace, var name) ->
        Finding.no(
            type,
            Reason.SECRET_NOT_FOUND,
            "Secret " + name + " in namespace " + namespace
                + " does not exist; create it with the CA certificate of the plane's agent");
      case ClientCA.KeyMissing(var namespace, var name, var key, var present) ->
        Finding.no(
            type,
            Reason.KEY_NOT_FOUND,
            "Secret " + name + " in namespace " + namespace + " has no data under the key '" + key
                + "' (keys: "
                + (present.isEmpty() ? "none" : String.join(", ", present))
                + "); add it or correct spec.clusterAgent.clientCA.secretRef.key");
      case ClientCA.Unreadable(var detail) ->
        Finding.no(
            type,
            Reason.INVALID_CERTIFICATE,
            "the client CA holds no certificate: " + detail + "; expected PEM or base64 of PEM");
      case ClientCA.Certificates(var list) -> validity(list, now);
    };
  }

  private static Finding validity(List<Validity> list, Instant now) {
    var type = PlaneConditions.CLIENT_CA_RESOLVED;
    var until = validUntil(list, now);
    if (until.isEmpty()) {
      var soonest = list.stream().filter(one -> one.notBefore().isAfter(now)).findFirst();
      return soonest
          .map(one -> Finding.no(
              type,
              Reason.INVALID_CERTIFICATE,
              "the CA certificate " + one.subject() + " is not valid before " + one.notBefore()
                  + "; check the clock or replace it"))
          .orElseGet(() -> Finding.no(
              type,
              Reason.EXPIRED,
              "every CA certificate has expired, the last (" + list.getLast().subject() + ") at "
                  + list.getLast().notAfter() + "; replace it and issue new agent certificates"));
    }
    var count = list.size() == 1 ? "1 CA certificate" : list.size() + " CA certificates";
    return Finding.yes(type, Reason.RESOLVED, count + ", valid until " + until.get());
  }

  /// Whether nothing expires within [Limits#CERTIFICATE_EXPIRY_WARNING]. Of several CAs and of several agents the newest counts:
  /// a renewal is done when the newest is renewed.
  static Finding current(PlaneObserved seen) {
    var type = PlaneConditions.CERTIFICATES_CURRENT;
    var ca = clientCAExpiry(seen);
    if (ca.isEmpty()) {
      return Finding.unknown(
          type,
          Reason.CLIENT_CA_NOT_RESOLVED,
          "there is no valid client CA to judge; see the condition ClientCAResolved");
    }
    return PlaneFindings.recorded(seen, type)
        .filter(before -> !before.reason().equals(Reason.CLIENT_CA_NOT_RESOLVED))
        .filter(_ -> PlaneFindings.undecided(seen))
        .orElseGet(() -> current(seen.now(), ca.get(), agentExpiry(seen)));
  }

  private static Finding current(Instant now, Instant ca, Optional<Instant> agent) {
    var type = PlaneConditions.CERTIFICATES_CURRENT;
    var horizon = now.plus(Limits.CERTIFICATE_EXPIRY_WARNING);
    if (!ca.isAfter(horizon)) {
      return Finding.no(
          type,
          Reason.CLIENT_CA_EXPIRES_SOON,
          "the client CA expires at " + ca
              + "; add the next CA to the bundle of spec.clusterAgent.clientCA and issue new agent certificates before"
              + " then");
    }
    if (agent.filter(expiry -> !expiry.isAfter(horizon)).isPresent()) {
      return Finding.no(
          type,
          Reason.AGENT_CERTIFICATE_EXPIRES_SOON,
          "the newest agent certificate expires at " + agent.get()
              + "; renew it in the plane's cluster before then, the agent takes up a changed file by itself");
    }
    return Finding.yes(
        type,
        Reason.VALID,
        "client CA valid until " + ca
            + agent.map(expiry -> ", newest agent certificate until " + expiry).orElse(""));
  }

  /// When the last CA certificate that is valid now expires; empty when none is.
  public static Optional<Instant> clientCAExpiry(PlaneObserved seen) {
    return switch (seen.clientCA()) {
      case ClientCA.Certificates(var list) -> validUntil(list, seen.now());
      case ClientCA.NotConfigured _,
          ClientCA.SecretMissing _,
          ClientCA.KeyMissing _,
          ClientCA.Unreadable _ -> Optional.empty();
    };
  }

  /// When the newest certificate among connected agents expires; empty when none is connected, or the gateway is silent.
  public static Optional<Instant> agentExpiry(PlaneObserved seen) {
    return switch (seen.agents()) {
      case Agents.Silent _ -> Optional.empty();
      case Agents.Known known ->
        known.authorised().stream()
            .flatMap(agent -> agent.certificateExpires().stream())
            .max(Instant::compareTo);
    };
  }

  private static Optional<Instant> validUntil(List<Validity> list, Instant now) {
    return list.stream()
        .filter(one -> !one.notBefore().isAfter(now) && !one.notAfter().isBefore(now))
        .map(Validity::notAfter)
        .max(Instant::compareTo);
  }

  /// Moments at which a finding about certificates changes by itself.
  static Stream<Instant> boundaries(PlaneObserved seen) {
    var authorities = switch (seen.clientCA()) {
      case ClientCA.Certificates(var list) ->
        list.stream()
            .flatMap(one -> Stream.of(
                one.notBefore(), warning(one.notAfter()), one.notAfter().plusSeconds(1)));
      case ClientCA.NotConfigured _,
          ClientCA.SecretMissing _,
          ClientCA.KeyMissing _,
          ClientCA.Unreadable _ -> Stream.<Instant>empty();
    };
    return Stream.concat(authorities, agentExpiry(seen).stream().map(CertificateFindings::warning));
  }

  private static Instant warning(Instant expiry) {
    return expiry.minus(Limits.CERTIFICATE_EXPIRY_WARNING);
  }
}
