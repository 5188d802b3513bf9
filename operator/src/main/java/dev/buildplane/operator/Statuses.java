package dev.buildplane.operator;

import dev.buildplane.model.Api;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.net.HttpURLConnection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Writes statuses by server-side apply, and remembers each until the cache has caught up with it, so that the next pass
/// reads what the last one wrote. Safe for use by several threads.
final class Statuses {
  private static final PatchContext APPLY = new PatchContext.Builder()
      .withPatchType(PatchType.SERVER_SIDE_APPLY)
      .withFieldManager(Api.FIELD_MANAGER)
      .withForce(true)
      .build();

  private final KubernetesClient hubClient;

  // One entry per resource written and not yet seen; the event of the write itself brings the pass that drops it.
  private final Map<String, Written> written = new ConcurrentHashMap<>();

  private record Written(long version, Object status) {}

  Statuses(KubernetesClient hubClient) {
    this.hubClient = hubClient;
  }

  /// The newest status known of a resource read from a cache.
  ///
  /// @param cached the status the resource carries
  <S> @Nullable S newest(HasMetadata resource, @Nullable S cached, Class<S> type) {
    var uid = resource.getMetadata().getUid();
    var newer = written.get(uid);
    if (newer == null) {
      return cached;
    }
    if (newer.version() <= version(resource)) {
      written.remove(uid, newer);
      return cached;
    }
    return type.cast(newer.status());
  }

  /// Stores a status.
  ///
  /// @throws KubernetesClientException when the API server refuses or cannot be reached; a resource that is gone is no error
  void write(HasMetadata resource, Object status) {
    var body = new GenericKubernetesResource();
    body.setApiVersion(resource.getApiVersion());
    body.setKind(resource.getKind());
    body.setMetadata(new ObjectMetaBuilder()
        .withName(resource.getMetadata().getName())
        .withNamespace(resource.getMetadata().getNamespace())
        .build());
    body.setAdditionalProperty("status", status);
    try {
      var all = hubClient.genericKubernetesResources(
          ResourceDefinitionContext.fromResourceType(resource.getClass()));
      var namespace = resource.getMetadata().getNamespace();
      var one =
          namespace == null ? all.resource(body) : all.inNamespace(namespace).resource(body);
      var stored = one.subresource("status").patch(APPLY);
      written.put(resource.getMetadata().getUid(), new Written(version(stored), status));
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
    }
  }

  /// Forgets a resource that is gone.
  void forget(HasMetadata resource) {
    written.remove(resource.getMetadata().getUid());
  }

  /// Resource versions of the API servers in use are numbers that grow; one that is not counts as older than everything.
  private static long version(HasMetadata resource) {
    var text = resource.getMetadata().getResourceVersion();
    try {
      return text == null ? 0 : Long.parseLong(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
