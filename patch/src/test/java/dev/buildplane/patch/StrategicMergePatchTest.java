package dev.buildplane.patch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StrategicMergePatchTest {
  private static final MergeStructure POD = MergeStructure.builtIn("v1", "Pod");

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {spec: {containers: [{name: a, image: x}, {name: b}]}} | {spec: {containers: [{name: a, image: y}]}} | {spec: {containers: [{name: a, image: y}, {name: b}]}}
      {spec: {containers: [{name: a}]}} | {spec: {containers: [{name: c}]}} | {spec: {containers: [{name: a}, {name: c}]}}
      {spec: {containers: [{name: a}, {name: b}]}} | {spec: {containers: [{$patch: delete, name: a}]}} | {spec: {containers: [{name: b}]}}
      {spec: {containers: [{name: a}, {name: b}]}} | {spec: {containers: [{$patch: replace}, {name: c}]}} | {spec: {containers: [{name: c}]}}
      {spec: {containers: [{name: a, env: [{name: E, value: x}]}]}} | {spec: {containers: [{name: a, env: [{name: F, value: y}]}]}} | {spec: {containers: [{name: a, env: [{name: E, value: x}, {name: F, value: y}]}]}}
      {spec: {tolerations: [{key: a}]}} | {spec: {tolerations: [{key: b}]}} | {spec: {tolerations: [{key: b}]}}
      {metadata: {finalizers: [a, b]}} | {metadata: {finalizers: [b, c]}} | {metadata: {finalizers: [a, b, c]}}
      {metadata: {finalizers: [a, b]}} | {metadata: {$deleteFromPrimitiveList/finalizers: [a]}} | {metadata: {finalizers: [b]}}
      {metadata: {labels: {a: x, b: y}}} | {metadata: {labels: {a: null, c: z}}} | {metadata: {labels: {b: y, c: z}}}
      {metadata: {labels: {a: x}}} | {metadata: {labels: {$patch: replace, c: z}}} | {metadata: {labels: {c: z}}}
      {metadata: {labels: {a: x}}, k: 1} | {metadata: {labels: {$patch: delete}}} | {metadata: {}, k: 1}
      {spec: {strategy: {type: R, rolling: {x: 1}}}} | {spec: {strategy: {$retainKeys: [type], type: Q}}} | {spec: {strategy: {type: Q}}}
      {spec: {containers: [{name: a}, {name: b}]}} | {spec: {$setElementOrder/containers: [{name: c}, {name: b}, {name: a}], containers: [{name: c}]}} | {spec: {containers: [{name: c}, {name: b}, {name: a}]}}
      {spec: {containers: [{name: a}, {name: b}]}} | {spec: {$setElementOrder/containers: [{name: b}, {name: a}]}} | {spec: {containers: [{name: b}, {name: a}]}}
      {status: {conditions: [{type: A, status: x}]}} | {status: {conditions: [{type: A, status: y}, {type: B}]}} | {status: {conditions: [{type: A, status: y}, {type: B}]}}
      {metadata: {ownerReferences: [{uid: u, name: n}]}} | {metadata: {ownerReferences: [{uid: u, name: m}]}} | {metadata: {ownerReferences: [{uid: u, name: m}]}}
      """)
  void listsOfBuiltInKindsMergeByKey(String target, String patch, String expected) {
    assertThat(StrategicMergePatch.apply(Json.of(target), Json.of(patch), POD))
        .isEqualTo(Json.of(expected));
  }

  @Test
  void anItemWithoutItsMergeKeyIsRefused() {
    assertThatThrownBy(() -> StrategicMergePatch.apply(
            Json.of("{spec: {containers: []}}"),
            Json.of("{spec: {containers: [{image: x}]}}"),
            POD))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining(".spec.containers")
        .hasMessageContaining("does not contain declared merge key: name");
  }

  @Test
  void anUnknownDirectiveIsRefused() {
    assertThatThrownBy(
            () -> StrategicMergePatch.apply(Json.of("{}"), Json.of("{$patch: burn}"), POD))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining("expected $patch to be replace, merge or delete, found \"burn\"");
  }
}
