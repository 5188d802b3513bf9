package dev.buildplane.patch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.ServerSideApply.Outcome;
import dev.buildplane.patch.ServerSideApply.Writer;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ServerSideApplyTest {
  private static final Instant NOW = Instant.parse("2026-02-01T10:00:00.5Z");
  private static final MergeStructure CONFIG_MAP = MergeStructure.builtIn("v1", "ConfigMap");
  private static final MergeStructure POD = MergeStructure.builtIn("v1", "Pod");

  private static Writer writer(String manager) {
    return new Writer(manager, "v1", "", NOW, Set.of("status"));
  }

  private static ObjectNode applied(
      @Nullable ObjectNode live, String manager, String yaml, MergeStructure structure) {
    var outcome = ServerSideApply.apply(live, Json.object(yaml), writer(manager), false, structure);
    assertThat(outcome).isInstanceOf(Outcome.Applied.class);
    return ((Outcome.Applied) outcome).object();
  }

  private static String conflict(
      ObjectNode live, String manager, String yaml, MergeStructure structure) {
    var outcome = ServerSideApply.apply(live, Json.object(yaml), writer(manager), false, structure);
    assertThat(outcome).isInstanceOf(Outcome.Conflicted.class);
    return ((Outcome.Conflicted) outcome).message();
  }

  private static ObjectNode created(String manager, String yaml, MergeStructure structure) {
    return ServerSideApply.update(null, Json.object(yaml), writer(manager), structure);
  }

  private static ObjectNode fieldsOf(ObjectNode object, String manager) {
    for (var entry : object.path("metadata").path("managedFields")) {
      if (entry.path("manager").asText().equals(manager)) {
        return (ObjectNode) entry.path("fieldsV1");
      }
    }
    return Json.object("{}");
  }

  @Nested
  class Creating {
    @Test
    void anApplyOwnsExactlyWhatItSaid() {
      var object = applied(
          null,
          "me",
          "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {a: b}}, data: {k: v}}",
          CONFIG_MAP);
      assertThat(object.path("metadata").path("managedFields")).isEqualTo(Json.of("""
          - apiVersion: v1
            fieldsType: FieldsV1
            fieldsV1: {"f:data": {"f:k": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}
            manager: me
            operation: Apply
            time: "2026-02-01T10:00:00Z"
          """));
    }

    @Test
    void aCreateOwnsEverythingWithItsContainers() {
      var object = created(
          "kubectl-create",
          "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {a: b}}, spec: {containers: [{name: main, image: x, ports: [{containerPort: 80}]}]}}",
          POD);
      assertThat(fieldsOf(object, "kubectl-create")).isEqualTo(Json.of("""
          "f:metadata": {"f:labels": {".": {}, "f:a": {}}}
          "f:spec":
            "f:containers":
              ".": {}
              'k:{"name":"main"}':
                ".": {}
                "f:name": {}
                "f:image": {}
                "f:ports":
                  ".": {}
                  'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
          """));
    }
  }

  @Nested
  class Changing {
    private final ObjectNode live = created(
        "kubectl",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x, b: y}}",
        CONFIG_MAP);

    @Test
    void anotherManagersValueIsAConflictInKubernetesWords() {
      assertThat(conflict(
              live,
              "me",
              "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: mine}}",
              CONFIG_MAP))
          .isEqualTo("Apply failed with 1 conflict: conflict with \"kubectl\" using v1: .data.a");
    }

    @Test
    void severalConflictsAreListedByManager() {
      assertThat(
              conflict(live, "me", "{metadata: {name: c}, data: {a: mine, b: mine}}", CONFIG_MAP))
          .isEqualTo(
              "Apply failed with 2 conflicts: conflicts with \"kubectl\" using v1:\n- .data.a\n- .data.b");
    }

    @Test
    void forceTakesTheValueOver() {
      var outcome = ServerSideApply.apply(
          live,
          Json.object("{metadata: {name: c}, data: {a: mine}}"),
          writer("me"),
          true,
          CONFIG_MAP);
      var object = ((Outcome.Applied) outcome).object();
      assertThat(object.path("data")).isEqualTo(Json.of("{a: mine, b: y}"));
      assertThat(fieldsOf(object, "me")).isEqualTo(Json.of("{'f:data': {'f:a': {}}}"));
      assertThat(fieldsOf(object, "kubectl"))
          .isEqualTo(Json.of("{'f:data': {'.': {}, 'f:b': {}}}"));
    }

    @Test
    void theSameValueIsOwnedTogether() {
      var object = applied(live, "me", "{metadata: {name: c}, data: {a: x}}", CONFIG_MAP);
      assertThat(fieldsOf(object, "me")).isEqualTo(Json.of("{'f:data': {'f:a': {}}}"));
      assertThat(fieldsOf(object, "kubectl").path("f:data").has("f:a")).isTrue();
    }

    @Test
    void applyingTheSameAgainChangesNothing() {
      var once = applied(live, "me", "{metadata: {name: c}, data: {z: 1}}", CONFIG_MAP);
      var later = new Writer("me", "v1", "", NOW.plusSeconds(60), Set.of());
      var again = ServerSideApply.apply(
          once, Json.object("{metadata: {name: c}, data: {z: 1}}"), later, false, CONFIG_MAP);
      assertThat(again).isEqualTo(new Outcome.Applied(once, false));
    }

    @Test
    void aFieldNoLongerAppliedGoesWhenNobodyElseOwnsIt() {
      var both = applied(
          live, "me", "{metadata: {name: c, labels: {l: m}}, data: {a: x, z: mine}}", CONFIG_MAP);
      var less = applied(both, "me", "{metadata: {name: c}}", CONFIG_MAP);
      assertThat(less.path("data")).isEqualTo(Json.of("{a: x, b: y}"));
      assertThat(less.path("metadata").has("labels")).isFalse();
      assertThat(less.path("metadata").path("name").asText()).isEqualTo("c");
      assertThat(fieldsOf(less, "me")).isEmpty();
    }

    @Test
    void anUpdateTakesOwnershipFromAnApplier() {
      var object = applied(null, "me", "{metadata: {name: c}, data: {a: x, b: y}}", CONFIG_MAP);
      var changed = object.deepCopy();
      ((ObjectNode) changed.path("data")).put("a", "theirs");
      var after = ServerSideApply.update(object, changed, writer("kubectl-edit"), CONFIG_MAP);
      assertThat(fieldsOf(after, "me")).isEqualTo(Json.of("{'f:data': {'f:b': {}}}"));
      assertThat(fieldsOf(after, "kubectl-edit")).isEqualTo(Json.of("{'f:data': {'f:a': {}}}"));
    }

    @Test
    void anUpdateKeepsWhatTheSameManagerOwnedBefore() {
      var changed = live.deepCopy();
      ((ObjectNode) changed.path("data")).put("a", "again").remove("b");
      var after = ServerSideApply.update(live, changed, writer("kubectl"), CONFIG_MAP);
      assertThat(fieldsOf(after, "kubectl")).isEqualTo(Json.of("{'f:data': {'.': {}, 'f:a': {}}}"));
    }

    @Test
    void anEmptyEntryResetsAllOwnership() {
      var changed = live.deepCopy();
      ((ObjectNode) changed.path("metadata")).set("managedFields", Json.of("[{}]"));
      var after = ServerSideApply.update(live, changed, writer("kubectl"), CONFIG_MAP);
      assertThat(after.path("metadata").has("managedFields")).isFalse();
    }

    @Test
    void whatLivedBeforeTheFirstApplyHasAnOwner() {
      var old = Json.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x}}");
      assertThat(conflict(old, "me", "{metadata: {name: c}, data: {a: mine}}", CONFIG_MAP))
          .isEqualTo(
              "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a");
    }
  }

  @Nested
  class Lists {
    private static final String TWO =
        "{metadata: {name: p}, spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}";

    @Test
    void itemsMergeByKeyAndKeepTheirOrder() {
      var live = applied(null, "one", TWO, POD);
      var object = applied(
          live, "two", "{metadata: {name: p}, spec: {containers: [{name: c, image: z}]}}", POD);
      assertThat(object.path("spec").path("containers").findValuesAsText("name"))
          .containsExactly("c", "a", "b");
    }

    @Test
    void anItemNoLongerAppliedGoesWithItsDefaults() {
      var live = applied(null, "one", TWO, POD);
      ((ObjectNode) live.path("spec").path("containers").get(1)).put("imagePullPolicy", "Always");
      var object = applied(
          live, "one", "{metadata: {name: p}, spec: {containers: [{name: a, image: x}]}}", POD);
      assertThat(object.path("spec").path("containers"))
          .isEqualTo(Json.of("[{name: a, image: x}]"));
    }

    @Test
    void aConflictInAnItemNamesItsKey() {
      var live = applied(null, "one", TWO, POD);
      assertThat(conflict(live, "two", "{spec: {containers: [{name: a, image: q}]}}", POD))
          .isEqualTo(
              "Apply failed with 1 conflict: conflict with \"one\": .spec.containers[name=\"a\"].image");
    }

    @Test
    void theSameKeyTwiceIsRefused() {
      assertThatThrownBy(
              () -> applied(null, "one", "{spec: {containers: [{name: a}, {name: a}]}}", POD))
          .isInstanceOf(PatchException.class)
          .hasMessage(".spec.containers: duplicate entries for key [name=\"a\"]");
    }

    @Test
    void finalizersAreASetThatManagersShare() {
      var live = applied(null, "one", "{metadata: {name: p, finalizers: [x]}}", POD);
      var both = applied(live, "two", "{metadata: {name: p, finalizers: [y]}}", POD);
      assertThat(both.path("metadata").path("finalizers")).hasSize(2);
      var rest = applied(both, "one", "{metadata: {name: p}}", POD);
      assertThat(rest.path("metadata").path("finalizers")).isEqualTo(Json.of("[y]"));
      assertThat(fieldsOf(rest, "two"))
          .isEqualTo(Json.of("{'f:metadata': {'f:finalizers': {'v:\"y\"': {}}}}"));
    }
  }

  @Nested
  class CustomResources {
    private static final MergeStructure SCHEMA = MergeStructure.ofSchema(Json.of("""
        type: object
        properties:
          spec:
            type: object
            properties:
              tags: {type: array, items: {type: string}}
              names: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [id]
                items: {type: object, properties: {id: {type: string}, size: {type: integer}}}
              ref: {type: object, x-kubernetes-map-type: atomic, properties: {name: {type: string}, kind: {type: string}}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
        """));

    @Test
    void listTypesComeFromTheSchema() {
      var live = applied(
          null,
          "one",
          "{metadata: {name: x}, spec: {tags: [a], names: [a], parts: [{id: p}], ref: {name: r}, free: {q: {z: 1}}}}",
          SCHEMA);
      assertThat(fieldsOf(live, "one").path("f:spec")).isEqualTo(Json.of("""
          "f:free": {"f:q": {".": {}, "f:z": {}}}
          "f:names": {'v:"a"': {}}
          "f:parts": {'k:{"id":"p"}': {".": {}, "f:id": {}}}
          "f:ref": {}
          "f:tags": {}
          """));
      var both = applied(
          live,
          "two",
          "{metadata: {name: x}, spec: {names: [b], parts: [{id: q, size: 1}]}}",
          SCHEMA);
      assertThat(both.path("spec").path("names")).hasSize(2);
      assertThat(both.path("spec").path("parts")).hasSize(2);
      assertThat(conflict(both, "two", "{spec: {tags: [b]}}", SCHEMA))
          .endsWith("\"one\": .spec.tags");
      assertThat(conflict(both, "two", "{spec: {ref: {kind: k}}}", SCHEMA))
          .endsWith("\"one\": .spec.ref");
    }

    @Test
    void statusIsNotOwnedThroughTheMainEndpoint() {
      var live = applied(
          null, "one", "{metadata: {name: x}, spec: {tags: [a]}, status: {phase: p}}", SCHEMA);
      assertThat(live.has("status")).isFalse();
      assertThat(fieldsOf(live, "one").has("f:status")).isFalse();
    }

    @Test
    void aStatusWriterIsAnotherManagerByItsSubresource() {
      var live = applied(null, "one", "{metadata: {name: x}, spec: {tags: [a]}}", SCHEMA);
      var statusWriter = new Writer("one", "v1", "status", NOW, Set.of("spec"));
      var outcome = ServerSideApply.apply(
          live,
          Json.object("{metadata: {name: x}, status: {phase: p}}"),
          statusWriter,
          false,
          SCHEMA);
      var object = ((Outcome.Applied) outcome).object();
      assertThat(object.path("spec").path("tags")).hasSize(1);
      assertThat(object.path("metadata").path("managedFields")).hasSize(2);
      assertThat(object
              .path("metadata")
              .path("managedFields")
              .get(1)
              .path("subresource")
              .asText())
          .isEqualTo("status");
    }

    @Test
    void anEmptyObjectThatWasAppliedStaysEmpty() {
      var live = applied(null, "one", "{metadata: {name: x}, spec: {free: {a: {b: 1}}}}", SCHEMA);
      var object = applied(live, "one", "{metadata: {name: x}, spec: {free: {}}}", SCHEMA);
      assertThat(object.path("spec")).isEqualTo(Json.of("{free: {}}"));
    }
  }

  @Test
  void updateManagersAreBounded() {
    var object = created("m", "{metadata: {name: c}, data: {k: v}}", CONFIG_MAP);
    for (int i = 0; i < 30; i++) {
      var next = object.deepCopy();
      ((ObjectNode) next.path("data")).put("k" + i, "v");
      object = ServerSideApply.update(
          object, next, new Writer("m" + i, "v1", "", NOW.plusSeconds(i), Set.of()), CONFIG_MAP);
    }
    assertThat(object.path("metadata").path("managedFields")).hasSizeLessThanOrEqualTo(10);
    assertThat(fieldsOf(object, "ancient-changes").path("f:data").has("f:k3")).isTrue();
  }
}
