package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a plane's owner asks for. One shape for six kinds; the CRD of each kind has only the fields that kind may carry
/// (`reference/planes.md` section 2.5): secret store and observability plane on build and data planes, gateway and image
/// pull secrets on data planes, observer addresses on observability planes.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record PlaneSpec(
    @JsonPropertyDescription(
        "Logical plane this resource connects to. Must equal clusterAgent.planeId of the agent's Helm"
            + " release. Several resources may share one planeID: same cluster, separate configuration."
            + " Defaults to the name of the resource. At most 63 lower-case letters, digits and hyphens, starting and"
            + " ending with a letter or digit.")
    @Pattern(Limits.PLANE_ID_PATTERN)
    @Size(max = Limits.PLANE_ID_CHARS)
    @Nullable
    String planeID,

    @JsonPropertyDescription("How the cluster agent of this plane proves who it is.")
    @Required
    @Nullable
    ClusterAgent clusterAgent,

    @JsonPropertyDescription("External Secrets Operator ClusterSecretStore in the plane's cluster.")
    @Nullable
    SecretStoreRef secretStoreRef,

    @JsonPropertyDescription(
        "Observability plane that keeps logs and metrics of this plane. When left out, the one named"
            + " 'default' is used if it exists; otherwise observability is not configured.")
    @Nullable
    ObservabilityPlaneRef observabilityPlaneRef,

    @JsonPropertyDescription("Gateways through which traffic enters and leaves the plane.")
    @Nullable
    DataPlaneGateway gateway,

    @JsonPropertyDescription("Names of SecretReference objects used to pull images.") @Nullable
    List<String> imagePullSecretRefs,

    @JsonPropertyDescription("Base URL of the observer API of the plane.") @Required @Nullable
    String observerURL,

    @JsonPropertyDescription("Base URL of the root cause analysis agent.") @Nullable
    String rcaAgentURL) {

  public PlaneSpec {
    imagePullSecretRefs = imagePullSecretRefs == null ? null : List.copyOf(imagePullSecretRefs);
  }

  /// A spec with nothing but a planeID and a client CA.
  public static PlaneSpec of(@Nullable String planeID, ClientCA clientCA) {
    return new PlaneSpec(planeID, new ClusterAgent(clientCA), null, null, null, null, null, null);
  }

  public PlaneSpec withSecretStore(@Nullable String name) {
    var ref = name == null ? null : new SecretStoreRef(name);
    return new PlaneSpec(
        planeID,
        clusterAgent,
        ref,
        observabilityPlaneRef,
        gateway,
        imagePullSecretRefs,
        observerURL,
        rcaAgentURL);
  }

  public PlaneSpec withObservabilityPlane(@Nullable ObservabilityPlaneRef ref) {
    return new PlaneSpec(
        planeID,
        clusterAgent,
        secretStoreRef,
        ref,
        gateway,
        imagePullSecretRefs,
        observerURL,
        rcaAgentURL);
  }

  public PlaneSpec withObserverURL(@Nullable String url) {
    return new PlaneSpec(
        planeID,
        clusterAgent,
        secretStoreRef,
        observabilityPlaneRef,
        gateway,
        imagePullSecretRefs,
        url,
        rcaAgentURL);
  }
}
