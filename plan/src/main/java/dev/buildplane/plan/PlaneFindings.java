package dev.buildplane.plan;

import dev.buildplane.model.Condition;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneConditions.Reason;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.ClientCA;
import dev.buildplane.plan.PlaneObserved.Observability;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import dev.buildplane.plan.PlaneObserved.Validity;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The conditions below `Ready`, in the order in which `Ready` takes its reason from them.
final class PlaneFindings {
  /// How long the last word of a gateway counts after its stream ended: a restart of the operator or the gateway is over by
  /// then, so neither makes a plane flap.
  static final Duration GATEWAY_GRACE = Duration.ofSeconds(15);

  /// How long a refused agent counts as being there: agents dial again within 30 s.
  static final Duration REJECTION_MEMORY = Duration.ofSeconds(90);

  private PlaneFindings() {}

  static List<Finding> of(PlaneObserved seen) {
    var clientCA = clientCA(seen.clientCA(), seen.now());
    var agents = agents(seen);
    return seen.plane().kind().type().hasReferences()
        ? List.of(clientCA, observability(seen.observability()), agents, secretStore(seen))
        : List.of(clientCA, agents);
  }

  /// Moments at which a finding may change by itself.
  static Stream<Instant> boundaries(PlaneObserved seen) {
    var certificates = switch (seen.clientCA()) {
      case ClientCA.Certificates(var list) ->
        list.stream()
            .flatMap(one -> Stream.of(
                one.notBefore(),
                one.notAfter().minus(Limits.CA_EXPIRY_WARNING),
                one.notAfter().plusSeconds(1)));
      case ClientCA.NotConfigured _,
          ClientCA.SecretMissing _,
          ClientCA.KeyMissing _,
          ClientCA.Unreadable _ -> Stream.<Instant>empty();
    };
    var agents = switch (seen.agents()) {
      case Agents.Silent(var since, var _) -> Stream.of(since.plus(GATEWAY_GRACE));
      case Agents.Known known ->
        known.rejection().stream().map(rejection -> rejection.at().plus(REJECTION_MEMORY));
    };
    return Stream.concat(certificates, agents);
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
    var until = list.stream()
        .filter(one -> !one.notBefore().isAfter(now) && !one.notAfter().isBefore(now))
        .map(Validity::notAfter)
        .max(Instant::compareTo);
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
    return until.get().minus(Limits.CA_EXPIRY_WARNING).isAfter(now)
        ? Finding.yes(type, Reason.RESOLVED, count + ", valid until " + until.get())
        : Finding.yes(
            type,
            Reason.EXPIRES_SOON,
            count + ", valid only until " + until.get()
                + "; add the next CA to the bundle before then");
  }

  private static Finding observability(Observability lookup) {
    var type = PlaneConditions.OBSERVABILITY_RESOLVED;
    return switch (lookup) {
      case Observability.NotConfigured _ ->
        Finding.yes(
            type,
            Reason.NOT_CONFIGURED,
            "no observability plane is named and none is called 'default'");
      case Observability.Found(var plane, var byDefault) ->
        Finding.yes(
            type,
            Reason.RESOLVED,
            plane.kind().kind() + " '" + plane.name() + "' found"
                + (byDefault ? " (by default)" : ""));
      case Observability.Missing(var plane) ->
        Finding.no(
            type,
            PlaneConditions.notFound(plane.kind()),
            plane.kind().kind() + " '" + plane.name() + "' not found"
                + (plane.namespace() == null ? "" : " in namespace " + plane.namespace())
                + "; create it or correct spec.observabilityPlaneRef");
    };
  }

  private static Finding agents(PlaneObserved seen) {
    var type = PlaneConditions.AGENT_CONNECTED;
    return switch (seen.agents()) {
      case Agents.Silent(var since, var why) -> {
        var recorded = recorded(seen, type);
        boolean fresh = seen.now().isBefore(since.plus(GATEWAY_GRACE));
        yield recorded
            .filter(_ -> fresh)
            .orElseGet(() -> Finding.unknown(
                type,
                Reason.GATEWAY_UNREACHABLE,
                "the cluster gateway cannot be asked: " + why + "; see that it runs"));
      }
      case Agents.Known known
      when !known.authorised().isEmpty() -> {
        int count = known.authorised().size();
        yield Finding.yes(
            type,
            Reason.CONNECTED,
            count == 1 ? "1 agent connected" : count + " agents connected (HA mode)");
      }
      case Agents.Known known -> absent(seen, known);
    };
  }

  private static Finding absent(PlaneObserved seen, Agents.Known known) {
    var type = PlaneConditions.AGENT_CONNECTED;
    var rejected = known
        .rejection()
        .filter(rejection -> seen.now().isBefore(rejection.at().plus(REJECTION_MEMORY)));
    var remedy = "; put the CA that issued the agent's certificate into spec.clusterAgent.clientCA";
    if (known.others() > 0) {
      return Finding.no(
          type,
          Reason.AGENT_NOT_AUTHORIZED,
          "agents of planeID '" + seen.planeID()
              + "' are connected, but none has a certificate this resource trusts" + remedy);
    }
    return rejected
        .map(rejection -> Finding.no(
            type,
            Reason.AGENT_NOT_AUTHORIZED,
            "an agent of planeID '" + seen.planeID() + "' with certificate " + rejection.subject()
                + " was turned away: " + rejection.reason() + remedy))
        .orElseGet(
            () -> Finding.no(
                type,
                Reason.NO_AGENT_CONNECTED,
                "no agent of planeID '" + seen.planeID()
                    + "' is connected; start one in the plane's cluster, or look for 'dial' in its log"));
  }

  private static Finding secretStore(PlaneObserved seen) {
    var type = PlaneConditions.SECRET_STORE_READY;
    return switch (seen.secretStore()) {
      case SecretStore.NotConfigured _ ->
        Finding.yes(type, Reason.NOT_CONFIGURED, "no secret store is named");
      case SecretStore.Disconnected _ ->
        Finding.unknown(
            type,
            Reason.PLANE_DISCONNECTED,
            "the plane cannot be asked while no agent is connected");
      case SecretStore.Pending _ ->
        recorded(seen, type)
            .filter(_ -> sameGeneration(seen))
            .orElseGet(() -> Finding.unknown(
                type,
                Reason.PROBING,
                "the plane has been asked for the store and has not answered"));
      case SecretStore.ApiMissing _ ->
        Finding.no(
            type,
            Reason.EXTERNAL_SECRETS_NOT_INSTALLED,
            "the plane does not know ClusterSecretStore; install External Secrets there or remove"
                + " spec.secretStoreRef");
      case SecretStore.Missing(var name) ->
        Finding.no(
            type,
            Reason.NOT_FOUND,
            "ClusterSecretStore '" + name
                + "' does not exist in the plane; create it there or correct"
                + " spec.secretStoreRef.name");
      case SecretStore.Found(var name, var ready, var detail) ->
        ready
            ? Finding.yes(type, Reason.READY, "ClusterSecretStore '" + name + "' is ready")
            : Finding.no(
                type,
                Reason.NOT_READY,
                "ClusterSecretStore '" + name + "' is not ready: " + detail
                    + "; mend it in the plane");
      case SecretStore.Failed(var detail) ->
        Finding.unknown(
            type, Reason.NOT_READY, "the plane could not be asked for the store: " + detail);
    };
  }

  private static Optional<Finding> recorded(PlaneObserved seen, String type) {
    return Optional.ofNullable(seen.recorded())
        .flatMap(status -> Condition.find(status.conditions(), type))
        .map(Finding::of);
  }

  private static boolean sameGeneration(PlaneObserved seen) {
    var recorded = seen.recorded();
    return recorded != null
        && recorded.observedGeneration() != null
        && recorded.observedGeneration() == seen.generation();
  }
}
