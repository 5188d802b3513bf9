package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.PlaneExamination.ClientCa;
import dev.buildplane.cli.PlaneExamination.Gateway;
import dev.buildplane.cli.PlaneExamination.MissingRight;
import dev.buildplane.cli.PlaneExamination.Reference;
import dev.buildplane.cli.PlaneExamination.Rights;
import dev.buildplane.cli.PlaneExamination.SecretStore;
import dev.buildplane.cli.PlaneExamination.Source;
import dev.buildplane.cli.PlaneExamination.Tunnel;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Reads, with the rights of whoever runs the command, everything that decides whether a plane is Ready.
final class PlaneExaminer {
  /// First byte of a certificate in DER.
  private static final byte DER_SEQUENCE = 0x30;

  private static final String SECRETS_GROUP = "external-secrets.io";

  /// Versions of ClusterSecretStore, the newest first.
  private static final List<String> STORE_VERSIONS = List.of("v1", "v1beta1");

  /// What a build needs of the agent in its cluster.
  private static final List<MissingRight> NEEDED = List.of(
      new MissingRight("create", "", "namespaces"),
      new MissingRight("create", "", "serviceaccounts"),
      new MissingRight("create", "rbac.authorization.k8s.io", "roles"),
      new MissingRight("create", "rbac.authorization.k8s.io", "rolebindings"),
      new MissingRight("create", "argoproj.io", "workflows"),
      new MissingRight("watch", "argoproj.io", "workflows"),
      new MissingRight("delete", "argoproj.io", "workflows"),
      new MissingRight("list", "", "pods"),
      new MissingRight("get", "", "pods/log"));

  private final Hub hub;
  private final KubernetesClient client;

  PlaneExaminer(Hub hub, KubernetesClient client) {
    this.hub = hub;
    this.client = client;
  }

  PlaneExamination examine(PlaneRef plane, JsonNode resource) {
    var seen = withoutTunnel(plane, resource);
    return seen.authorised().isEmpty() && !(seen.gateway() instanceof Gateway.Refused)
        ? seen
        : throughTunnel(seen, resource.at("/spec/secretStoreRef/name").asText(""));
  }

  /// As [#examine], asking nothing of the plane itself.
  PlaneExamination withoutTunnel(PlaneRef plane, JsonNode resource) {
    var planeId = PlaneTable.planeId(resource);
    var store = resource.at("/spec/secretStoreRef/name").asText("");
    return new PlaneExamination(
        plane,
        resource,
        planeId,
        hub.caller(),
        clientCa(plane, resource),
        gateway(plane, planeId),
        new Tunnel.NotTried(),
        new Rights.NotAsked("the plane's API server cannot be asked"),
        observability(plane, resource),
        store.isEmpty() ? new SecretStore.NotConfigured() : new SecretStore.NotAsked(store),
        Instant.now());
  }

  private PlaneExamination throughTunnel(PlaneExamination seen, String store) {
    try (var planeClient = hub.connectPlane(seen.plane(), seen.planeId())) {
      var tunnel = tunnel(planeClient);
      var answered = tunnel instanceof Tunnel.Answered;
      return new PlaneExamination(
          seen.plane(),
          seen.resource(),
          seen.planeId(),
          seen.caller(),
          seen.clientCa(),
          seen.gateway(),
          tunnel,
          answered ? rights(planeClient, seen.plane()) : seen.rights(),
          seen.observability(),
          answered && !store.isEmpty() ? secretStore(planeClient, store) : seen.secretStore(),
          seen.now());
    }
  }

  private ClientCa clientCa(PlaneRef plane, JsonNode resource) {
    var configured = resource.at("/spec/clusterAgent/clientCA");
    var value = configured.path("value").asText("");
    if (!value.isEmpty()) {
      return parse(new Source.Inline(), value);
    }
    var ref = configured.path("secretRef");
    var namespace =
        ref.path("namespace").asText(plane.namespace() == null ? "" : plane.namespace());
    var source = new Source.Secret(
        namespace, ref.path("name").asText(""), ref.path("key").asText(""));
    return namespace.isEmpty() || source.name().isEmpty() || source.key().isEmpty()
        ? new ClientCa.NotConfigured()
        : fromSecret(source);
  }

  private ClientCa fromSecret(Source.Secret source) {
    try {
      var secret = client
          .secrets()
          .inNamespace(source.namespace())
          .withName(source.name())
          .get();
      if (secret == null) {
        return new ClientCa.SecretMissing(source);
      }
      var data = secret.getData() == null ? java.util.Map.<String, String>of() : secret.getData();
      var encoded = data.getOrDefault(source.key(), "");
      return encoded.isEmpty()
          ? new ClientCa.KeyMissing(source, List.copyOf(new TreeSet<>(data.keySet())))
          : parse(source, decoded(encoded));
    } catch (KubernetesClientException refused) {
      return new ClientCa.Unread(source, Problems.explain(refused).getMessage());
    }
  }

  /// A certificate in DER stays base64, which is how it can be text.
  private static String decoded(String encoded) {
    var bytes = Base64.getMimeDecoder().decode(encoded);
    return bytes.length > 0 && bytes[0] == DER_SEQUENCE
        ? encoded
        : new String(bytes, StandardCharsets.UTF_8);
  }

  private static ClientCa parse(Source source, String text) {
    try {
      return new ClientCa.Found(source, TrustBundle.parse(text));
    } catch (CertificateProblem unusable) {
      return new ClientCa.Unreadable(source, String.valueOf(unusable.getMessage()));
    }
  }

  private Gateway gateway(PlaneRef plane, String planeId) {
    try (var gateway = hub.connectGateway()) {
      try {
        var told = gateway.snapshot();
        var type = plane.kind().type();
        return new Gateway.Told(
            gateway.address(), told.connected(type, planeId), told.turnedAway(type, planeId));
      } catch (KubernetesClientException failed) {
        return failed.getCode() > 0
            ? new Gateway.Refused(
                gateway.address(), failed.getCode(), Problems.explain(failed).getMessage())
            : new Gateway.Unreachable(gateway.address() + ": " + Problems.root(failed));
      }
    } catch (CliProblem notKnown) {
      return new Gateway.Unreachable(notKnown.getMessage());
    }
  }

  private static Tunnel tunnel(KubernetesClient planeClient) {
    try {
      var version = planeClient.raw("/version");
      return new Tunnel.Answered(gitVersion(version));
    } catch (KubernetesClientException failed) {
      return new Tunnel.Failed(failed.getCode(), Problems.explain(failed).getMessage());
    }
  }

  private static String gitVersion(@Nullable String json) {
    try {
      return Resources.JSON
          .readTree(json == null ? "{}" : json)
          .path("gitVersion")
          .asText("unknown");
    } catch (com.fasterxml.jackson.core.JsonProcessingException notJson) {
      return "unknown";
    }
  }

  private static Rights rights(KubernetesClient planeClient, PlaneRef plane) {
    if (plane.kind().type() != PlaneType.BUILD) {
      return new Rights.NotAsked("only builds have needs that are known");
    }
    try {
      return new Rights.Asked(
          NEEDED.stream().filter(right -> !allowed(planeClient, right)).toList());
    } catch (KubernetesClientException unasked) {
      return new Rights.NotAsked(Problems.explain(unasked).getMessage());
    }
  }

  private static boolean allowed(KubernetesClient planeClient, MissingRight right) {
    var resource = right.resource().split("/", 2);
    var review = new SelfSubjectAccessReviewBuilder()
        .withNewSpec()
        .withNewResourceAttributes()
        .withVerb(right.verb())
        .withGroup(right.group())
        .withResource(resource[0])
        .withSubresource(resource.length > 1 ? resource[1] : null)
        .endResourceAttributes()
        .endSpec()
        .build();
    var status = planeClient
        .authorization()
        .v1()
        .selfSubjectAccessReview()
        .create(review)
        .getStatus();
    return status != null && Boolean.TRUE.equals(status.getAllowed());
  }

  private Reference observability(PlaneRef plane, JsonNode resource) {
    if (!plane.kind().type().hasReferences()) {
      return new Reference.NotConfigured();
    }
    var ref = resource.at("/spec/observabilityPlaneRef");
    var kind = PlaneKind.ofKind(ref.path("kind").asText(""))
        .orElse(plane.kind().defaultObservabilityKind());
    var target = new PlaneRef(
        kind,
        kind.clusterScoped() ? null : plane.namespace(),
        ref.path("name").asText(PlaneKind.DEFAULT_NAME));
    try {
      if (PlaneGetCommand.find(client, target).isPresent()) {
        return new Reference.Found(target);
      }
      return ref.isObject() ? new Reference.Missing(target) : new Reference.NotConfigured();
    } catch (KubernetesClientException refused) {
      return new Reference.Unread(target, Problems.explain(refused).getMessage());
    }
  }

  private static SecretStore secretStore(KubernetesClient planeClient, String name) {
    try {
      var group = planeClient.getApiGroup(SECRETS_GROUP);
      var served = group == null
          ? List.<String>of()
          : group.getVersions().stream().map(one -> one.getVersion()).toList();
      var version = STORE_VERSIONS.stream().filter(served::contains).findFirst();
      return version
          .map(known -> store(planeClient, known, name))
          .orElseGet(() -> new SecretStore.NotInstalled(name));
    } catch (KubernetesClientException failed) {
      return new SecretStore.Failed(name, Problems.explain(failed).getMessage());
    }
  }

  private static SecretStore store(KubernetesClient planeClient, String version, String name) {
    var found = planeClient
        .genericKubernetesResources(new ResourceDefinitionContext.Builder()
            .withGroup(SECRETS_GROUP)
            .withVersion(version)
            .withKind("ClusterSecretStore")
            .withPlural("clustersecretstores")
            .withNamespaced(false)
            .build())
        .withName(name)
        .get();
    if (found == null) {
      return new SecretStore.Missing(name);
    }
    var tree = Resources.json(found);
    return new SecretStore.Found(
        name,
        Resources.condition(tree, "Ready").equals("True"),
        Resources.conditionField(tree, "Ready", "message", "it has no Ready condition yet"));
  }
}
