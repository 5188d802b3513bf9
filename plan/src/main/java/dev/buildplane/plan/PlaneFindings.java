package dev.buildplane.plan;

import dev.buildplane.model.Condition;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneConditions.Reason;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.Observability;
import dev.buildplane.plan.PlaneObserved.SecretStore;
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

  /// How long agents have to dial again after the gateway was started anew, or is followed for the first time, before they
  /// count as gone: they do so within 30 s, and a plane whose agents come back has never been disconnected.
  static final Duration RETURN_GRACE = Duration.ofSeconds(30);

  /// How long a refused agent counts as being there: agents dial again within 30 s.
  static final Duration REJECTION_MEMORY = Duration.ofSeconds(90);

  private PlaneFindings() {}

  static List<Finding> of(PlaneObserved seen) {
    var clientCA = CertificateFindings.clientCA(seen);
    var agents = agents(seen);
    return seen.plane().kind().type().hasReferences()
        ? List.of(clientCA, observability(seen.observability()), agents, secretStore(seen))
        : List.of(clientCA, agents);
  }

  /// Moments at which a finding may change by itself.
  static Stream<Instant> boundaries(PlaneObserved seen) {
    var agents = switch (seen.agents()) {
      case Agents.Silent(var since, var _) -> Stream.of(since.plus(GATEWAY_GRACE));
      case Agents.Known known ->
        Stream.concat(
            known.rejection().stream().map(rejection -> rejection.at().plus(REJECTION_MEMORY)),
            Stream.of(known.knownSince().plus(RETURN_GRACE)));
    };
    return Stream.concat(CertificateFindings.boundaries(seen), agents);
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
    if (!Limits.isPlaneID(seen.planeID())) {
      return Finding.no(type, Reason.INVALID_PLANE_ID, invalidPlaneID(seen));
    }
    return switch (seen.agents()) {
      case Agents.Silent(var _, var why) ->
        recorded(seen, type)
            .filter(_ -> undecided(seen))
            .orElseGet(() -> Finding.unknown(
                type,
                Reason.GATEWAY_UNREACHABLE,
                "the cluster gateway cannot be asked: " + why + "; see that it runs"));
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

  private static String invalidPlaneID(PlaneObserved seen) {
    return "expected a planeID of 1 to 63 lower-case letters, digits and hyphens, found '"
        + seen.planeID()
        + "', taken from the name of the resource; set spec.planeID to the agent's clusterAgent.planeId";
  }

  /// Whether what the gateway says, or does not say, about agents is too fresh to overrule what is recorded.
  static boolean undecided(PlaneObserved seen) {
    return switch (seen.agents()) {
      case Agents.Silent(var since, var _) -> seen.now().isBefore(since.plus(GATEWAY_GRACE));
      case Agents.Known known -> returning(seen, known);
    };
  }

  /// Whether agents that were connected to an earlier run of the gateway may still be dialling this one.
  private static boolean returning(PlaneObserved seen, Agents.Known known) {
    var recorded = seen.recorded();
    return known.authorised().isEmpty()
        && known.others() == 0
        && sameGeneration(seen)
        && recorded != null
        && recorded.agentConnection() != null
        && recorded.agentConnection().connected()
        && seen.now().isBefore(known.knownSince().plus(RETURN_GRACE))
        && known.lastDisconnected().filter(at -> at.isAfter(known.knownSince())).isEmpty()
        && known.rejection().filter(no -> no.at().isAfter(known.knownSince())).isEmpty();
  }

  private static Finding absent(PlaneObserved seen, Agents.Known known) {
    var type = PlaneConditions.AGENT_CONNECTED;
    var before = recorded(seen, type).filter(_ -> returning(seen, known));
    if (before.isPresent()) {
      return before.get();
    }
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
        recorded(seen, type)
            .filter(_ -> undecided(seen))
            .orElseGet(() -> Finding.unknown(
                type,
                Reason.PLANE_DISCONNECTED,
                "the plane cannot be asked while no agent is connected"));
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

  static Optional<Finding> recorded(PlaneObserved seen, String type) {
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
