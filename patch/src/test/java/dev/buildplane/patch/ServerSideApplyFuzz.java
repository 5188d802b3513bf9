package dev.buildplane.patch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.ServerSideApply.Outcome;
import dev.buildplane.patch.ServerSideApply.Writer;
import java.time.Instant;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/// Random objects of one custom kind: laws that hold for every one of them.
class ServerSideApplyFuzz {
  private static final MergeStructure SCHEMA = MergeStructure.ofSchema(Json.of("""
      type: object
      properties:
        spec:
          type: object
          properties:
            leaf: {type: integer}
            inner: {type: object, properties: {a: {type: integer}, b: {type: integer}}}
            map: {type: object, additionalProperties: {type: integer}}
            set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
            items:
              type: array
              x-kubernetes-list-type: map
              x-kubernetes-list-map-keys: [id]
              items: {type: object, properties: {id: {type: string}, size: {type: integer}}}
            atomic: {type: array, items: {type: integer}}
            free: {type: object, x-kubernetes-preserve-unknown-fields: true}
      """));

  private final long seed = new Random().nextLong();
  private final Random random = new Random(seed);

  @RepeatedTest(300)
  void applyingTwiceIsApplyingOnce() {
    var live = grown(null);
    var intent = intent("x");
    var once = forced(live, intent, "me");
    var twice = forced(once, intent, "me");
    assertThat(twice).as("seed %d", seed).isEqualTo(once);
  }

  @RepeatedTest(300)
  void whatWasAppliedIsThere() {
    var live = grown(null);
    var intent = intent("x");
    var after = forced(live, intent, "me");
    var missing = FieldMerge.fields(intent, SCHEMA, "")
        .minus(FieldComparison.of(null, after, SCHEMA).written());
    assertThat(missing.paths()).as("seed %d", seed).isEmpty();
    var changed = FieldComparison.of(after, FieldMerge.merge(after, intent, SCHEMA, ""), SCHEMA);
    assertThat(changed.written().paths()).as("seed %d", seed).isEmpty();
  }

  @RepeatedTest(300)
  void managersOfDisjointFieldsNeverConflict() {
    var live = forced(null, disjoint("a"), "one");
    var second = ServerSideApply.apply(live, disjoint("b"), writer("two"), false, SCHEMA);
    assertThat(second).as("seed %d", seed).isInstanceOf(Outcome.Applied.class);
    var third = ServerSideApply.apply(
        ((Outcome.Applied) second).object(), disjoint("a"), writer("one"), false, SCHEMA);
    assertThat(third).as("seed %d", seed).isInstanceOf(Outcome.Applied.class);
  }

  @RepeatedTest(300)
  void withdrawingEverythingRestoresTheOthersObject() {
    var live = forced(null, disjoint("a"), "one");
    var both = forced(live, disjoint("b"), "two");
    var back = forced(both, Json.object("{metadata: {name: n}}"), "two");
    assertThat(back).as("seed %d", seed).isEqualTo(live);
  }

  @RepeatedTest(300)
  void everyOwnedFieldExists() {
    var live = grown(null);
    for (int i = 0; i < 5; i++) {
      live = grown(live);
      var present = FieldComparison.of(null, live, SCHEMA).written();
      assertThat(ManagedFields.decode(live).owned().minus(present).paths())
          .as("seed %d", seed)
          .isEmpty();
    }
  }

  @Test
  void ownershipSurvivesItsEncoding() {
    for (int i = 0; i < 300; i++) {
      var fields = FieldMerge.fields(intent("x"), SCHEMA, "");
      assertThat(FieldSet.decode(fields.encoded())).as("seed %d", seed).isEqualTo(fields);
    }
  }

  /// One random write: apply or update, by one of three managers.
  private ObjectNode grown(@Nullable ObjectNode live) {
    var manager = "m" + random.nextInt(3);
    return random.nextBoolean() || live == null
        ? forced(live, intent("x"), manager)
        : ServerSideApply.update(live, intent("x"), writer(manager), SCHEMA);
  }

  private static ObjectNode forced(@Nullable ObjectNode live, ObjectNode intent, String manager) {
    return ((Outcome.Applied) ServerSideApply.apply(live, intent, writer(manager), true, SCHEMA))
        .object();
  }

  private static Writer writer(String manager) {
    return new Writer(manager, "x/v1", "", Instant.EPOCH, Set.of());
  }

  private ObjectNode disjoint(String prefix) {
    var object = intent(prefix);
    if (object.get("spec") instanceof ObjectNode spec) {
      spec.remove("atomic");
      spec.remove(prefix.equals("a") ? "inner" : "leaf");
    }
    return object;
  }

  private ObjectNode intent(String prefix) {
    var object = JsonNodeFactory.instance.objectNode();
    object.putObject("metadata").put("name", "n");
    var spec = object.putObject("spec");
    if (random.nextBoolean()) {
      spec.put("leaf", random.nextInt(3));
    }
    if (random.nextBoolean()) {
      var inner = spec.putObject("inner");
      inner.put("a", random.nextInt(3));
      if (random.nextBoolean()) {
        inner.put("b", random.nextInt(3));
      }
    }
    if (random.nextBoolean()) {
      var map = spec.putObject("map");
      for (int i = 0; i <= random.nextInt(3); i++) {
        map.put(prefix + random.nextInt(4), random.nextInt(3));
      }
    }
    if (random.nextBoolean()) {
      var set = spec.putArray("set");
      random.ints(1 + random.nextInt(3), 0, 6).distinct().forEach(i -> set.add(prefix + i));
    }
    if (random.nextBoolean()) {
      var items = spec.putArray("items");
      random.ints(1 + random.nextInt(3), 0, 6).distinct().forEach(i -> {
        var item = items.addObject().put("id", prefix + i);
        if (random.nextBoolean()) {
          item.put("size", random.nextInt(3));
        }
      });
    }
    if (random.nextBoolean()) {
      spec.putArray("atomic").add(random.nextInt(3));
    }
    if (random.nextBoolean()) {
      spec.putObject("free").putObject(prefix + random.nextInt(2)).put("deep", random.nextInt(3));
    }
    if (spec.isEmpty()) {
      object.remove("spec");
    }
    return object;
  }
}
