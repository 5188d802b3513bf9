package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.cli.PlaneExamination.Source;
import dev.buildplane.cli.Resources.Kind;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.ChainVerifier;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.Purpose;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.pki.Verdict;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/// Makes a plane known to the control plane, and renews the certificate of its agent. Everything is checked before anything is
/// written; what is written goes in an order in which a second call can go on after a crash: files, then the Secret, then
/// the plane.
final class PlaneRegistration {
  /// How long a new CA is good for.
  static final Duration CA_VALIDITY = StandalonePki.CA_VALIDITY;

  private static final String KEY = "ca.crt";
  private static final String CLIENT_CA = "/spec/clusterAgent/clientCA";
  private static final List<String> AGENT_GROUPS = List.of("OpenChoreo");

  /// What is to be registered.
  ///
  /// @param secretNamespace where the Secret with the CA goes
  /// @param validity of the agent's certificate
  /// @param observerUrl of an observability plane, which has no meaning without one
  record Wish(
      PlaneRef plane,
      String planeId,
      String secretNamespace,
      Duration validity,
      TrustBundle gatewayTrust,
      Optional<String> observerUrl) {
    Source.Secret source() {
      return new Source.Secret(secretNamespace, plane.name() + "-agent-ca", KEY);
    }
  }

  /// What came of it.
  ///
  /// @param olderCas certificates the plane goes on trusting besides the CA of the new one
  record Outcome(Identity agent, Source source, int olderCas) {}

  private record Pair(CertificateAuthority ca, Identity agent) {}

  private final KubernetesClient client;
  private final AgentFiles files;
  private final InstantSource clock;

  PlaneRegistration(KubernetesClient client, AgentFiles files, InstantSource clock) {
    this.client = client;
    this.files = files;
    this.clock = clock;
  }

  /// Registers a plane that is not there yet.
  ///
  /// @throws CliProblem when there is one of that name, or something else is in the way; nothing has been changed then
  Outcome register(Wish wish) {
    PlaneGetCommand.find(client, wish.plane()).ifPresent(found -> refuse(wish, found));
    var source = wish.source();
    var secret = secret(source);
    var pair = files.agent().isPresent() || files.ca().isPresent() ? left(wish) : newPair(wish);
    secret.ifPresent(found -> requireTrust(source, found, pair));
    var plane = planeResource(wish);
    var newSecret = secretOf(source, Map.of(KEY, pair.ca().certificatePem()));
    if (secret.isEmpty()) {
      client.resource(newSecret).dryRun(true).create();
    }
    client.resource(plane).dryRun(true).create();
    files.write(pair.ca(), pair.agent(), wish.gatewayTrust());
    if (secret.isEmpty()) {
      client.resource(newSecret).create();
    }
    try {
      client.resource(plane).create();
    } catch (KubernetesClientException refused) {
      if (secret.isEmpty()) {
        client.resource(newSecret).delete();
      }
      throw refused;
    }
    return new Outcome(pair.agent(), source, 0);
  }

  private static void refuse(Wish wish, JsonNode found) {
    var typed = PlaneArgument.typed(wish.plane());
    var planeId = PlaneTable.planeId(found);
    var ref = found.at("/spec/clusterAgent/clientCA/secretRef");
    var source = wish.source();
    boolean same = planeId.equals(wish.planeId())
        && ref.path("name").asText("").equals(source.name())
        && ref.path("namespace").asText(source.namespace()).equals(source.namespace())
        && ref.path("key").asText("").equals(source.key());
    throw new CliProblem(
        same
            ? "%s is registered already, and its agent's key stays as it is; add --rotate to issue a new certificate"
                .formatted(typed)
            : "expected no %s, or one with planeID %s that trusts %s; found one with planeID %s that trusts %s; choose another name, or add --rotate to issue a certificate for the one that is there"
                .formatted(
                    typed,
                    wish.planeId(),
                    source,
                    planeId,
                    ref.isObject() ? ref.toString() : "spec.clusterAgent.clientCA.value"));
  }

  /// What an earlier call left in the folder before it was interrupted.
  private Pair left(Wish wish) {
    var agent = files.agent();
    var ca = files.ca();
    if (agent.isEmpty() || ca.isEmpty()) {
      throw new CliProblem(
          "expected in %s nothing, or all of agent.crt, agent.key, ca.crt and ca.key; found a part of them; choose another folder with --output-dir"
              .formatted(files.folder()));
    }
    requireOurs(agent.get(), wish.planeId());
    if (!trusts(ca.get().trust(), agent.get())) {
      throw new CliProblem(
          "expected ca.crt in %s to have issued agent.crt there, found that it has not, or that one of them has expired; choose another folder with --output-dir"
              .formatted(files.folder()));
    }
    return new Pair(ca.get(), agent.get());
  }

  private void requireOurs(Identity agent, String planeId) {
    var name = Certificates.commonName(agent.chain().getFirst()).orElse("");
    if (!name.equals(planeId)) {
      throw new CliProblem(
          "expected in %s no agent's certificate, or one of planeID %s; found one of %s; choose another folder with --output-dir"
              .formatted(files.folder(), planeId, name));
    }
  }

  private boolean trusts(TrustBundle bundle, Identity agent) {
    return ChainVerifier.judge(agent.chain(), bundle, clock.instant(), Purpose.CLIENT)
        instanceof Verdict.Trusted;
  }

  private void requireTrust(Source.Secret source, Secret found, Pair pair) {
    if (bundle(source, found).filter(bundle -> trusts(bundle, pair.agent())).isEmpty()) {
      throw new CliProblem(
          "expected no Secret %s/%s, or one whose %s trusts the certificate in %s; found another CA there; choose another name, or remove that Secret if nothing uses it"
              .formatted(source.namespace(), source.name(), source.key(), files.folder()));
    }
  }

  private Pair newPair(Wish wish) {
    var ca = CertificateAuthority.create(wish.plane().name() + "-agent-ca", CA_VALIDITY);
    return new Pair(ca, issue(ca, wish.planeId(), wish.validity()));
  }

  private static Identity issue(CertificateAuthority ca, String planeId, Duration validity) {
    return ca.issueClient(planeId, AGENT_GROUPS, validity);
  }

  /// Issues a new certificate for the agent of a plane: from the CA in the folder when its key is there, else from a new CA that
  /// the plane trusts from now on besides the ones before. Certificates in use stay good.
  Outcome rotate(Wish wish) {
    var found = PlaneGetCommand.require(client, wish.plane());
    var planeId = PlaneTable.planeId(found);
    if (!planeId.equals(wish.planeId())) {
      throw new CliProblem(
          "expected planeID %s as asked for, found that %s has planeID %s; leave --plane-id out"
              .formatted(wish.planeId(), PlaneArgument.typed(wish.plane()), planeId));
    }
    var trust = trust(wish, found);
    files.agent().ifPresent(agent -> requireOurs(agent, planeId));
    var before = trust.bundle().map(TrustBundle::certificates).orElse(List.of());
    var ca = files
        .ca()
        .filter(one -> Certificates.validAt(one.certificate(), clock.instant()))
        .orElseGet(
            () -> CertificateAuthority.create(wish.plane().name() + "-agent-ca", CA_VALIDITY));
    var older = before.stream()
        .filter(one -> !one.equals(ca.certificate()))
        .filter(one -> Certificates.validAt(one, clock.instant()))
        .toList();
    if (!before.contains(ca.certificate())) {
      files.writeCa(ca);
      var trusted = new ArrayList<>(older);
      trusted.add(ca.certificate());
      trust.store(new TrustBundle(trusted).pem());
    }
    var agent = issue(ca, planeId, wish.validity());
    files.write(ca, agent, wish.gatewayTrust());
    return new Outcome(agent, trust.source(), older.size());
  }

  /// Whom a plane trusts now, and the way to make that another.
  ///
  /// @param bundle empty when there is no certificate
  /// @param write puts a bundle in its place
  private record Trust(Source source, Optional<TrustBundle> bundle, Consumer<String> write) {
    void store(String pem) {
      write.accept(pem);
    }
  }

  private Trust trust(Wish wish, JsonNode plane) {
    var clientCa = plane.at(CLIENT_CA);
    var value = clientCa.path("value").asText("");
    if (!value.isEmpty()) {
      return new Trust(new Source.Inline(), parsed(value), pem -> storeInline(plane, pem));
    }
    var ref = clientCa.path("secretRef");
    if (!ref.isObject()) {
      throw new CliProblem(
          "expected the client CA of %s in spec.clusterAgent.clientCA, as value or as secretRef, found neither; name a Secret in .secretRef"
              .formatted(PlaneArgument.typed(wish.plane())));
    }
    var source = new Source.Secret(
        ref.path("namespace").asText(wish.secretNamespace()),
        ref.path("name").asText(),
        ref.path("key").asText());
    var secret = secret(source);
    return new Trust(
        source, secret.flatMap(one -> bundle(source, one)), pem -> store(source, secret, pem));
  }

  private Optional<Secret> secret(Source.Secret source) {
    return Optional.ofNullable(
        client.secrets().inNamespace(source.namespace()).withName(source.name()).get());
  }

  /// Empty when there is no such key, or no certificate in it.
  private static Optional<TrustBundle> bundle(Source.Secret source, Secret secret) {
    var data = secret.getData() == null ? Map.<String, String>of() : secret.getData();
    var encoded = data.getOrDefault(source.key(), "");
    return parsed(new String(Base64.getMimeDecoder().decode(encoded), StandardCharsets.UTF_8));
  }

  private static Optional<TrustBundle> parsed(String text) {
    try {
      return text.isBlank() ? Optional.empty() : Optional.of(TrustBundle.parse(text));
    } catch (CertificateProblem unusable) {
      return Optional.empty();
    }
  }

  /// With the version that was read, so that a change meanwhile is a conflict and not lost.
  private void storeInline(JsonNode plane, String bundle) {
    var changed = plane.deepCopy();
    ((ObjectNode) changed.at(CLIENT_CA)).put("value", bundle);
    client
        .resource(Resources.JSON.convertValue(changed, GenericKubernetesResource.class))
        .update();
  }

  /// With the version that was read, so that a change meanwhile is a conflict and not lost.
  private void store(Source.Secret source, Optional<Secret> before, String bundle) {
    if (before.isEmpty()) {
      client.resource(secretOf(source, Map.of(source.key(), bundle))).create();
      return;
    }
    var secret = before.get();
    var data = new TreeMap<>(secret.getData() == null ? Map.of() : secret.getData());
    data.put(
        source.key(),
        Base64.getEncoder().encodeToString(bundle.getBytes(StandardCharsets.US_ASCII)));
    client.resource(new SecretBuilder(secret).withData(data).build()).update();
  }

  private static Secret secretOf(Source.Secret source, Map<String, String> text) {
    return new SecretBuilder()
        .withNewMetadata()
        .withNamespace(source.namespace())
        .withName(source.name())
        .addToLabels("app.kubernetes.io/managed-by", "buildplane")
        .endMetadata()
        .withType("Opaque")
        .withStringData(text)
        .build();
  }

  private static GenericKubernetesResource planeResource(Wish wish) {
    var kind = Kind.of(wish.plane().kind());
    var plane = Resources.JSON
        .createObjectNode()
        .put("apiVersion", Api.GROUP_VERSION)
        .put("kind", kind.kind());
    var metadata = plane.putObject("metadata").put("name", wish.plane().name());
    if (wish.plane().namespace() != null) {
      metadata.put("namespace", wish.plane().namespace());
    }
    var source = wish.source();
    var spec = plane.putObject("spec").put("planeID", wish.planeId());
    wish.observerUrl().ifPresent(url -> spec.put("observerURL", url));
    spec.putObject("clusterAgent")
        .putObject("clientCA")
        .putObject("secretRef")
        .put("name", source.name())
        .put("namespace", source.namespace())
        .put("key", source.key());
    return Resources.JSON.convertValue(plane, GenericKubernetesResource.class);
  }
}
