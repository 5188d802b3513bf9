package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// The objects that the runner reads and writes at the plane's API server.
///
/// @param planeClient client of the build plane; owned by whoever started the runner
record ArgoApi(KubernetesClient planeClient) implements Lookup {
  static final String GROUP = "argoproj.io";
  static final String VERSION = "v1alpha1";

  private static ResourceDefinitionContext context(String kind, String plural, boolean namespaced) {
    return new ResourceDefinitionContext.Builder()
        .withGroup(GROUP)
        .withVersion(VERSION)
        .withKind(kind)
        .withPlural(plural)
        .withNamespaced(namespaced)
        .build();
  }

  MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      workflows() {
    return planeClient.genericKubernetesResources(context("Workflow", "workflows", true));
  }

  Optional<ObjectNode> workflow(String namespace, String name) {
    return Optional.ofNullable(workflows().inNamespace(namespace).withName(name).get())
        .map(ArgoApi::json);
  }

  static ObjectNode json(GenericKubernetesResource resource) {
    return Json.MAPPER.valueToTree(resource);
  }

  /// Stores the whole object; fails with 409 when somebody else wrote it since it was read.
  void store(ObjectNode workflow) {
    var resource = Json.MAPPER.convertValue(workflow, GenericKubernetesResource.class);
    workflows()
        .inNamespace(resource.getMetadata().getNamespace())
        .resource(resource)
        .update();
  }

  Optional<JsonNode> templateSpec(boolean clusterWide, String namespace, String name) {
    var resource = clusterWide
        ? planeClient
            .genericKubernetesResources(
                context("ClusterWorkflowTemplate", "clusterworkflowtemplates", false))
            .withName(name)
            .get()
        : planeClient
            .genericKubernetesResources(context("WorkflowTemplate", "workflowtemplates", true))
            .inNamespace(namespace)
            .withName(name)
            .get();
    return Optional.ofNullable(resource).map(found -> json(found).path("spec"));
  }

  @Override
  public Optional<Map<String, byte[]>> secret(String namespace, String name) {
    var secret = planeClient.secrets().inNamespace(namespace).withName(name).get();
    if (secret == null) {
      return Optional.empty();
    }
    var data = new LinkedHashMap<String, byte[]>();
    Optional.ofNullable(secret.getData())
        .ifPresent(all ->
            all.forEach((key, value) -> data.put(key, Base64.getMimeDecoder().decode(value))));
    Optional.ofNullable(secret.getStringData())
        .ifPresent(all ->
            all.forEach((key, value) -> data.put(key, value.getBytes(StandardCharsets.UTF_8))));
    return Optional.of(data);
  }

  @Override
  public Optional<Map<String, byte[]>> configMap(String namespace, String name) {
    var map = planeClient.configMaps().inNamespace(namespace).withName(name).get();
    if (map == null) {
      return Optional.empty();
    }
    var data = new LinkedHashMap<String, byte[]>();
    Optional.ofNullable(map.getData())
        .ifPresent(all ->
            all.forEach((key, value) -> data.put(key, value.getBytes(StandardCharsets.UTF_8))));
    Optional.ofNullable(map.getBinaryData())
        .ifPresent(all ->
            all.forEach((key, value) -> data.put(key, Base64.getMimeDecoder().decode(value))));
    return Optional.of(data);
  }
}
