package dev.buildplane.render;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ConfinementTest {
  private static final String NAMESPACE = "openchoreo-ci-acme";

  private static List<String> violations(String spec, String... resources) {
    var run = Yaml.object("""
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {name: a, namespace: openchoreo-ci-acme}
        spec: {serviceAccountName: workflow-sa}
        """);
    run.withObject("/spec").setAll(Yaml.object(spec));
    var objects = Arrays.stream(resources)
        .map(r -> new RenderOutcome.Resource("r", Yaml.object(r)))
        .toList();
    return Confinement.check(
            new RenderOutcome.Rendered(run, objects, List.of()),
            NAMESPACE,
            ConfinementPolicy.strict())
        .stream()
        .map(Confinement.Violation::path)
        .toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{workflowTemplateRef: {name: x, clusterScope: true}}",
        "{templates: [{name: t, container: {image: x, securityContext: {privileged: false}}}]}",
        "{arguments: {parameters: [{name: hostPath, value: x}]}}",
        "{templates: [{name: t, container: {resources: {limits: {cpu: '1'}}}}]}",
        "{volumes: [{name: v, secret: {secretName: s}}], volumeClaimTemplates: [{metadata: {name: w}}]}",
        "{templates: [{name: t, outputs: {artifacts: [{name: a, path: /a}]}}]}"
      })
  void ordinaryBuildsAreConfined(String spec) {
    assertThat(violations(spec)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', textBlock = """
      {volumes: [{name: v, hostPath: {path: /}}]}                                  ! run.spec.volumes[0].hostPath
      {templates: [{volumes: [{hostPath: {path: /}}]}]}                            ! run.spec.templates[0].volumes[0].hostPath
      {templates: [{container: {securityContext: {privileged: true}}}]}            ! run.spec.templates[0].container.securityContext.privileged
      {templates: [{container: {securityContext: {privileged: '{{x}}'}}}]}         ! run.spec.templates[0].container.securityContext.privileged
      {templates: [{sidecars: [{securityContext: {allowPrivilegeEscalation: true}}]}]} ! run.spec.templates[0].sidecars[0].securityContext.allowPrivilegeEscalation
      {templates: [{initContainers: [{securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}]} ! run.spec.templates[0].initContainers[0].securityContext.capabilities.add
      {templates: [{container: {securityContext: {procMount: Unmasked}}}]}         ! run.spec.templates[0].container.securityContext.procMount
      {securityContext: {seccompProfile: {type: Unconfined}}}                      ! run.spec.securityContext.seccompProfile
      {hostNetwork: true}                                                          ! run.spec.hostNetwork
      {templates: [{container: {ports: [{hostPort: 80}]}}]}                        ! run.spec.templates[0].container.ports[0].hostPort
      {podSpecPatch: '{}'}                                                         ! run.spec.podSpecPatch
      {templates: [{podSpecPatch: '{}'}]}                                          ! run.spec.templates[0].podSpecPatch
      {templates: [{resource: {action: create, manifest: x}}]}                     ! run.spec.templates[0].resource
      {hooks: {exit: {template: t}}}                                               ! run.spec.hooks
      {artifactRepositoryRef: {configMap: x}}                                      ! run.spec.artifactRepositoryRef
      {templates: [{outputs: {artifacts: [{name: a, s3: {bucket: b}}]}}]}          ! run.spec.templates[0].outputs.artifacts[0].s3
      {templates: [{serviceAccountName: other}]}                                   ! run.spec.templates[0].serviceAccountName
      {executor: {serviceAccountName: other}}                                      ! run.spec.executor.serviceAccountName
      {serviceAccountName: default}                                                ! run.spec.serviceAccountName
      """)
  void escapesAreRefusedWithTheirPath(String spec, String path) {
    assertThat(violations(spec)).containsExactly(path);
  }

  @Test
  void everythingStaysInTheNamespaceAndAmongTheKinds() {
    assertThat(
            violations(
                "{}",
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: kube-system}}",
                "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
                "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: openchoreo-ci-acme}}",
                "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: a, namespace: openchoreo-ci-acme}}",
                "{apiVersion: external-secrets.io/v1beta1, kind: ExternalSecret, metadata: {name: a, namespace: openchoreo-ci-acme}}",
                "{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: a, namespace: openchoreo-ci-acme}}",
                "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: openchoreo-ci-acme, ownerReferences: [{}]}}"))
        .containsExactly(
            "resources[0].metadata.namespace",
            "resources[1].metadata.namespace",
            "resources[2].kind",
            "resources[5].type",
            "resources[6].metadata.ownerReferences");
  }
}
