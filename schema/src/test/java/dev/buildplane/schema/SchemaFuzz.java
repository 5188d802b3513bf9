package dev.buildplane.schema;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class SchemaFuzz {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final List<String> NAMES = List.of("a", "b", "c-d", "namespace", "é");
  private static final int ROUNDS = 3_000;

  @Test
  void pruningAndDefaultingAreIdempotentAndValidationNeverThrows() throws SchemaProblem {
    var seed = Long.getLong("fuzz.seed", 20261122L);
    System.out.println("SchemaFuzz seed " + seed);
    var random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    for (var round = 0; round < ROUNDS; round++) {
      var description = object(random, 3);
      var schema = accepted(description);
      if (schema == null) {
        continue;
      }
      var value = (ObjectNode) value(random, 3, true);
      var before = value.deepCopy();

      schema.prune(value);
      var pruned = value.deepCopy();
      assertThat(schema.prune(value))
          .as("prune again, round %d %s %s", round, description, before)
          .isEmpty();
      assertThat(value).isEqualTo(pruned);

      schema.applyDefaults(value);
      var defaulted = value.deepCopy();
      schema.applyDefaults(value);
      assertThat(value)
          .as("default again, round %d %s %s", round, description, before)
          .isEqualTo(defaulted);

      schema.validate(value, null);
      schema.validate(value, before);
      assertThat(schema.validate(value, value))
          .as("unchanged is valid, round %d", round)
          .isEmpty();
    }
  }

  @Test
  void anyJsonAsASchemaIsReadOrRefused() {
    var seed = Long.getLong("fuzz.seed", 20261122L);
    System.out.println("SchemaFuzz seed " + seed);
    var random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    var keys = List.of(
        "type",
        "properties",
        "items",
        "additionalProperties",
        "enum",
        "minimum",
        "pattern",
        "allOf",
        "not",
        "default",
        "required",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-validations",
        "nullable");
    for (var round = 0; round < ROUNDS; round++) {
      var schema = JSON.objectNode();
      for (var i = 0; i < 4; i++) {
        schema.set(keys.get(random.nextInt(keys.size())), value(random, 3, false));
      }
      accepted(schema);
    }
  }

  private static @Nullable StructuralSchema accepted(JsonNode description) {
    try {
      return StructuralSchema.parseValue(description);
    } catch (SchemaProblem e) {
      assertThat(e.errors()).isNotEmpty();
      return null;
    }
  }

  private static ObjectNode object(RandomGenerator random, int depth) {
    var schema = JSON.objectNode().put("type", "object");
    if (random.nextInt(4) == 0) {
      schema.set("additionalProperties", any(random, depth - 1));
    } else {
      var properties = schema.putObject("properties");
      for (var i = 0; i < random.nextInt(4); i++) {
        properties.set(NAMES.get(random.nextInt(NAMES.size())), any(random, depth - 1));
      }
    }
    if (random.nextInt(5) == 0) {
      schema.put("x-kubernetes-preserve-unknown-fields", true);
    }
    if (random.nextInt(4) == 0) {
      schema.putArray("required").add("a");
    }
    return schema;
  }

  private static ObjectNode any(RandomGenerator random, int depth) {
    var schema = switch (depth <= 0 ? random.nextInt(4) : random.nextInt(6)) {
      case 0 -> JSON.objectNode().put("type", "string").put("maxLength", random.nextInt(4));
      case 1 -> JSON.objectNode().put("type", "integer").put("minimum", random.nextInt(4));
      case 2 -> JSON.objectNode().put("type", "boolean");
      case 3 -> JSON.objectNode().put("x-kubernetes-int-or-string", true);
      case 4 -> {
        var list = JSON.objectNode().put("type", "array");
        list.set("items", any(random, depth - 1));
        yield list;
      }
      default -> object(random, depth - 1);
    };
    if (random.nextInt(3) == 0) {
      schema.put("nullable", true);
    }
    if (random.nextInt(3) == 0) {
      schema.set("default", value(random, 1, false));
    }
    return schema;
  }

  private static JsonNode value(RandomGenerator random, int depth, boolean object) {
    return switch (object ? 6 : random.nextInt(depth <= 0 ? 5 : 7)) {
      case 0 -> JSON.nullNode();
      case 1 -> JSON.numberNode(random.nextInt(5));
      case 2 -> JSON.numberNode(random.nextDouble());
      case 3 -> JSON.textNode("xyzé".substring(random.nextInt(4)));
      case 4 -> JSON.booleanNode(random.nextBoolean());
      case 5 -> {
        var list = JSON.arrayNode();
        for (var i = 0; i < random.nextInt(3); i++) {
          list.add(value(random, depth - 1, false));
        }
        yield list;
      }
      default -> {
        var map = JSON.objectNode();
        for (var i = 0; i < random.nextInt(4); i++) {
          map.set(NAMES.get(random.nextInt(NAMES.size())), value(random, depth - 1, false));
        }
        yield map;
      }
    };
  }
}
