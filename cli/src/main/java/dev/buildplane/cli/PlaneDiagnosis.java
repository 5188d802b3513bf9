package dev.buildplane.cli;

import dev.buildplane.cli.PlaneExamination.ClientCa;
import dev.buildplane.cli.PlaneExamination.Gateway;
import dev.buildplane.cli.PlaneExamination.Reference;
import dev.buildplane.cli.PlaneExamination.Rights;
import dev.buildplane.cli.PlaneExamination.SecretStore;
import dev.buildplane.cli.PlaneExamination.Tunnel;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.ChainVerifier;
import dev.buildplane.pki.Purpose;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.pki.Verdict;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// Judges what was found out about a plane: one check a line, each with the command that mends it, in the order in which a
/// build depends on them. Pure.
final class PlaneDiagnosis {
  static final String RESOURCE = "resource";
  static final String PLANE_ID = "plane ID";
  static final String OPERATOR = "operator";
  static final String CLIENT_CA = "client CA";
  static final String CA_VALIDITY = "client CA validity";
  static final String GATEWAY = "gateway";
  static final String AGENT = "agent";
  static final String AUTHORISATION = "authorisation";
  static final String TUNNEL = "tunnel";
  static final String RIGHTS = "agent's rights";
  static final String OBSERVABILITY = "observability plane";
  static final String SECRET_STORE = "secret store";
  static final String READY = "ready";

  private final PlaneExamination seen;
  private final PlaneRemedies mend;

  private PlaneDiagnosis(PlaneExamination seen, ShownCommands commands) {
    this.seen = seen;
    this.mend = new PlaneRemedies(seen.plane(), seen.caller(), commands);
  }

  /// The one check of a plane that does not exist.
  static List<PlaneCheck> missing(PlaneRef plane, ShownCommands commands) {
    return List.of(PlaneCheck.problem(
        RESOURCE,
        "a resource " + PlaneArgument.typed(plane),
        "none; 'buildplane plane list' shows all",
        new PlaneRemedies(plane, "", commands).register()));
  }

  static List<PlaneCheck> of(PlaneExamination seen, ShownCommands commands) {
    var diagnosis = new PlaneDiagnosis(seen, commands);
    var checks = new ArrayList<>(List.of(
        PlaneCheck.ok(RESOURCE, PlaneArgument.typed(seen.plane())),
        diagnosis.planeId(),
        diagnosis.operator(),
        diagnosis.clientCa(),
        diagnosis.validity(),
        diagnosis.gateway(),
        diagnosis.agent(),
        diagnosis.authorisation(),
        diagnosis.tunnel(),
        diagnosis.rights(),
        diagnosis.observability(),
        diagnosis.secretStore()));
    checks.add(diagnosis.ready(checks));
    return List.copyOf(checks);
  }

  /// Whether nothing is wrong.
  static boolean healthy(List<PlaneCheck> checks) {
    return checks.stream().noneMatch(check -> check.result() == PlaneCheck.Result.PROBLEM);
  }

  private PlaneCheck planeId() {
    var given = seen.resource().at("/spec/planeID").asText("");
    var id = seen.planeId();
    if (Limits.isPlaneID(id)) {
      return PlaneCheck.ok(PLANE_ID, id + (given.isEmpty() ? " (the resource's name)" : ""));
    }
    var proposal = id.toLowerCase(Locale.ROOT)
        .replaceAll("[^a-z0-9]+", "-")
        .replaceAll("^-+", "")
        .transform(text -> text.substring(0, Math.min(text.length(), Limits.PLANE_ID_CHARS)))
        .replaceAll("-+$", "");
    return PlaneCheck.problem(
        PLANE_ID,
        "1 to " + Limits.PLANE_ID_CHARS + " lower-case letters, digits and hyphens",
        "'" + id + "'" + (given.isEmpty() ? ", the resource's name" : ""),
        mend.patch("{\"spec\":{\"planeID\":\"" + proposal + "\"}}"));
  }

  private PlaneCheck operator() {
    var generation = seen.resource().at("/metadata/generation").asLong();
    var observed = seen.resource().at("/status/observedGeneration").asLong();
    return observed >= generation
        ? PlaneCheck.ok(OPERATOR, "has seen generation " + generation)
        : PlaneCheck.problem(
            OPERATOR,
            "a status for generation " + generation,
            observed == 0 ? "no status" : "one for generation " + observed,
            mend.status());
  }

  private PlaneCheck clientCa() {
    return switch (seen.clientCa()) {
      case ClientCa.Found(var source, var bundle) ->
        PlaneCheck.ok(CLIENT_CA, count(bundle) + " in " + source);
      case ClientCa.NotConfigured _ ->
        PlaneCheck.problem(
            CLIENT_CA,
            "spec.clusterAgent.clientCA with a value, or with a secretRef of name, namespace and key",
            "neither",
            mend.nameSecret());
      case ClientCa.SecretMissing(var source) ->
        PlaneCheck.problem(
            CLIENT_CA,
            "Secret " + source.namespace() + "/" + source.name()
                + " with the CA of the agent's certificate",
            "no such Secret",
            mend.createSecret(source));
      case ClientCa.KeyMissing(var source, var present) ->
        PlaneCheck.problem(CLIENT_CA, source.toString(), "keys " + present, mend.addKey(source));
      case ClientCa.Unread(var source, var why) ->
        PlaneCheck.problem(
            CLIENT_CA, "to be allowed to read " + source, why, mend.grantSecret(source));
      case ClientCa.Unreadable(var source, var detail) ->
        PlaneCheck.problem(CLIENT_CA, "PEM certificates in " + source, detail, mend.rotate());
    };
  }

  private PlaneCheck validity() {
    if (!(seen.clientCa() instanceof ClientCa.Found(var source, var bundle))) {
      return PlaneCheck.skipped(CA_VALIDITY, "there is no client CA to look at");
    }
    var now = seen.now();
    var valid = bundle.certificates().stream()
        .filter(one -> Certificates.validAt(one, now))
        .map(Certificates::notAfter)
        .max(Instant::compareTo);
    if (valid.isEmpty()) {
      return PlaneCheck.problem(
          CA_VALIDITY,
          "a certificate that is valid now (" + now + ")",
          bundle.certificates().stream()
              .map(one -> Certificates.subject(one) + " from "
                  + one.getNotBefore().toInstant() + " to " + Certificates.notAfter(one))
              .collect(Collectors.joining(", ")),
          mend.rotate());
    }
    var until = valid.get();
    return PlaneCheck.ok(
        CA_VALIDITY,
        until.minus(Limits.CERTIFICATE_EXPIRY_WARNING).isAfter(now)
            ? "until " + until
            : "only until " + until + "; renew it soon with: " + mend.rotate());
  }

  private PlaneCheck gateway() {
    return switch (seen.gateway()) {
      case Gateway.Told(var address, var _, var _) -> PlaneCheck.ok(GATEWAY, address);
      case Gateway.Refused(var address, var status, var why) ->
        PlaneCheck.problem(
            GATEWAY,
            "to be told by " + address + " who is connected",
            status + ": " + why,
            status == 403 ? mend.grantConnections() : mend.status());
      case Gateway.Unreachable(var why) ->
        PlaneCheck.problem(GATEWAY, "the cluster gateway to answer", why, mend.status());
    };
  }

  private PlaneCheck agent() {
    return switch (seen.gateway()) {
      case Gateway.Refused _, Gateway.Unreachable _ ->
        PlaneCheck.skipped(AGENT, "the gateway did not say who is connected");
      case Gateway.Told told
      when !told.agents().isEmpty() ->
        PlaneCheck.ok(
            AGENT,
            "connected over %d connection%s: %s"
                .formatted(
                    told.agents().size(),
                    told.agents().size() == 1 ? "" : "s",
                    told.agents().stream()
                        .map(PlaneDiagnosis::name)
                        .distinct() // an agent keeps several connections
                        .collect(Collectors.joining(", "))));
      case Gateway.Told told -> told.turnedAway().map(this::turnedAway).orElseGet(this::noAgent);
    };
  }

  /// Agents of v0.17 tell nothing.
  private static String name(GatewaySnapshot.Connected agent) {
    var said = agent.said();
    return said.containsKey("hostname") || said.containsKey("version")
        ? said.getOrDefault("hostname", "?") + " (" + said.getOrDefault("version", "?") + ")"
        : "an agent that says nothing of itself, as those of OpenChoreo v0.17";
  }

  /// Whether the agent that was turned away would not be any more: the client CA was mended since.
  private boolean returning() {
    return seen.gateway() instanceof Gateway.Told(var _, var agents, var turnedAway)
        && agents.isEmpty()
        && turnedAway
            .flatMap(GatewaySnapshot.TurnedAway::certificate)
            .filter(this::trusted)
            .isPresent();
  }

  private boolean trusted(X509Certificate presented) {
    return seen.clientCa() instanceof ClientCa.Found(var _, var bundle)
        && ChainVerifier.judge(List.of(presented), bundle, seen.now(), Purpose.CLIENT)
            instanceof Verdict.Trusted;
  }

  private PlaneCheck noAgent() {
    return PlaneCheck.problem(
        AGENT,
        "an agent of " + seen.plane().kind().type().wire() + "/" + seen.planeId()
            + " connected to the gateway",
        "none, and none was turned away in the last minute: it does not run, or it dials elsewhere, or it has another planeID",
        mend.startAgent(seen.planeId()));
  }

  private PlaneCheck turnedAway(GatewaySnapshot.TurnedAway rejection) {
    if (returning()) {
      return PlaneCheck.problem(
          AGENT,
          "an agent connected to the gateway",
          "none yet; the client CA trusts the certificate " + rejection.subject()
              + " of the one that dialled last, which dials again within 30 s",
          mend.awaitReady());
    }
    return PlaneCheck.problem(
        AGENT,
        "an agent with a certificate that the client CA trusts",
        "one with certificate " + rejection.subject() + " was turned away at " + rejection.at()
            + ": "
            + rejection.certificate().map(this::whyNot).orElse(rejection.reason()),
        trustAgent());
  }

  private PlaneCheck authorisation() {
    if (!(seen.gateway() instanceof Gateway.Told told) || told.agents().isEmpty()) {
      return PlaneCheck.skipped(AUTHORISATION, "no agent is connected");
    }
    var authorised = seen.authorised();
    if (!authorised.isEmpty()) {
      return PlaneCheck.ok(
          AUTHORISATION,
          authorised.size() + " of " + told.agents().size() + " connections may serve this plane");
    }
    var certificate = told.agents().getFirst().certificate();
    return PlaneCheck.problem(
        AUTHORISATION,
        "one of the connected agents to have a certificate that this plane's client CA trusts",
        "none: " + certificate.map(this::whyNot).orElse("their certificates are of another CA"),
        certificate.filter(this::trusted).isPresent() ? mend.awaitReady() : trustAgent());
  }

  /// What is wrong with a certificate in the light of the client CA.
  private String whyNot(X509Certificate presented) {
    return switch (seen.clientCa()) {
      case ClientCa.Found(var _, var bundle) -> whyNot(presented, bundle);
      case ClientCa.NotConfigured _,
          ClientCa.SecretMissing _,
          ClientCa.KeyMissing _,
          ClientCa.Unread _,
          ClientCa.Unreadable _ -> "there is no client CA that could trust it";
    };
  }

  private String whyNot(X509Certificate presented, TrustBundle bundle) {
    return switch (ChainVerifier.judge(List.of(presented), bundle, seen.now(), Purpose.CLIENT)) {
      case Verdict.Trusted _ ->
        "the client CA trusts it now, and the gateway has not told of that yet";
      case Verdict.Refused(var reason, var _)
      when reason == Verdict.Reason.UNKNOWN_AUTHORITY -> unknownIssuer(presented, bundle);
      case Verdict.Refused(var _, var detail) -> detail;
    };
  }

  private static String unknownIssuer(X509Certificate presented, TrustBundle bundle) {
    var issuer = presented.getIssuerX500Principal();
    var namesakes = bundle.certificates().stream()
        .anyMatch(one -> one.getSubjectX500Principal().equals(issuer));
    var trusted =
        bundle.certificates().stream().map(Certificates::subject).collect(Collectors.joining(", "));
    return namesakes
        ? "it was issued by " + issuer.getName()
            + ", a CA of the same name as the plane's but with another key"
        : "it was issued by " + issuer.getName() + ", the plane trusts " + trusted;
  }

  /// The agent needs a certificate of the plane's CA, or the plane the CA of the agent's certificate.
  private String trustAgent() {
    return switch (seen.clientCa()) {
      case ClientCa.Found _ -> mend.rotate();
      case ClientCa.NotConfigured _ -> mend.nameSecret();
      case ClientCa.SecretMissing(var source) -> mend.createSecret(source);
      case ClientCa.KeyMissing(var source, var _) -> mend.addKey(source);
      case ClientCa.Unread(var source, var _) -> mend.grantSecret(source);
      case ClientCa.Unreadable _ -> mend.rotate();
    };
  }

  private PlaneCheck tunnel() {
    return switch (seen.tunnel()) {
      case Tunnel.NotTried _ -> PlaneCheck.skipped(TUNNEL, "no agent may serve this plane");
      case Tunnel.Answered(var version) ->
        PlaneCheck.ok(TUNNEL, "the plane's API server answers, version " + version);
      case Tunnel.Failed(var status, var why) ->
        PlaneCheck.problem(
            TUNNEL,
            "an answer of the plane's API server to GET /version",
            status == 0 ? why : status + ": " + why,
            status == 403 ? mend.grantProxy() : PlaneRemedies.agentLog());
    };
  }

  private PlaneCheck rights() {
    return switch (seen.rights()) {
      case Rights.NotAsked(var why) -> PlaneCheck.skipped(RIGHTS, why);
      case Rights.Asked(var missing)
      when missing.isEmpty() -> PlaneCheck.ok(RIGHTS, "all that builds need");
      case Rights.Asked(var missing) ->
        PlaneCheck.problem(
            RIGHTS,
            "the agent to be allowed in its cluster what builds need",
            "it may not "
                + missing.stream().map(Object::toString).collect(Collectors.joining(", ")),
            mend.grantAgent(missing));
    };
  }

  private PlaneCheck observability() {
    return switch (seen.observability()) {
      case Reference.NotConfigured _ -> PlaneCheck.ok(OBSERVABILITY, "none is named");
      case Reference.Found(var plane) -> PlaneCheck.ok(OBSERVABILITY, PlaneArgument.typed(plane));
      case Reference.Unread(var plane, var why) ->
        PlaneCheck.skipped(OBSERVABILITY, PlaneArgument.typed(plane) + ": " + why);
      case Reference.Missing(var plane) ->
        PlaneCheck.problem(
            OBSERVABILITY,
            PlaneArgument.typed(plane) + ", which spec.observabilityPlaneRef names",
            "no such resource",
            mend.patch("{\"spec\":{\"observabilityPlaneRef\":null}}")
                + "  # or declare the observability plane");
    };
  }

  private PlaneCheck secretStore() {
    return switch (seen.secretStore()) {
      case SecretStore.NotConfigured _ -> PlaneCheck.ok(SECRET_STORE, "none is named");
      case SecretStore.NotAsked(var name) ->
        PlaneCheck.skipped(SECRET_STORE, name + ": the plane's API server cannot be asked");
      case SecretStore.Found(var name, var ready, var detail) ->
        ready
            ? PlaneCheck.ok(SECRET_STORE, name + " is ready")
            : PlaneCheck.problem(
                SECRET_STORE,
                "ClusterSecretStore " + name + " in the plane to be Ready",
                detail,
                mend.onPlane("describe clustersecretstore " + name));
      case SecretStore.NotInstalled(var name) ->
        PlaneCheck.problem(
            SECRET_STORE,
            "External Secrets in the plane, for the ClusterSecretStore " + name,
            "the plane does not serve that kind",
            "helm install external-secrets external-secrets --repo https://charts.external-secrets.io --namespace external-secrets --create-namespace  # on the build cluster");
      case SecretStore.Missing(var name) ->
        PlaneCheck.problem(
            SECRET_STORE,
            "ClusterSecretStore " + name + " in the plane",
            "no such resource",
            mend.onPlane("get clustersecretstores") + "  # then: "
                + mend.patch("{\"spec\":{\"secretStoreRef\":{\"name\":\"NAME\"}}}"));
      case SecretStore.Failed(var name, var why) ->
        PlaneCheck.problem(
            SECRET_STORE,
            "to be told of ClusterSecretStore " + name,
            why,
            mend.onPlane("get clustersecretstores"));
    };
  }

  /// The operator's own word, and any condition of it that no check above explains.
  private PlaneCheck ready(List<PlaneCheck> before) {
    var resource = seen.resource();
    if (Resources.condition(resource, PlaneConditions.READY).equals("True")) {
      return PlaneCheck.ok(READY, "a build can run there now");
    }
    if (returning()) {
      // What the operator said last is about the CA before.
      return PlaneCheck.problem(
          READY,
          "condition Ready to be True",
          "that it waits for the agent to dial again",
          mend.awaitReady());
    }
    var message =
        Resources.conditionField(resource, PlaneConditions.READY, "message", "no Ready condition");
    return PlaneCheck.problem(
        READY,
        "condition Ready to be True",
        Resources.conditionField(resource, PlaneConditions.READY, "reason", "Unknown") + ": "
            + message,
        healthy(before)
            ? mend.awaitReady()
            : mend.doctor() + "  # again, once the problems above are mended");
  }

  private static String count(TrustBundle bundle) {
    var size = bundle.certificates().size();
    return size == 1 ? "1 certificate" : size + " certificates";
  }
}
