package dev.buildplane.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class StructuralSchemaTest {
  private static final String PLANE = """
      type: object
      properties:
        spec:
          type: object
          required: [clusterAgent]
          properties:
            planeID: {type: string, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'}
            replicas: {type: integer, format: int32, minimum: 1, maximum: 9, default: 1}
            share: {type: number, exclusiveMinimum: true, minimum: 0, multipleOf: 0.25}
            kind: {type: string, enum: [A, B]}
            when: {type: string, format: date-time}
            nick: {type: string, minLength: 2, nullable: true}
            port: {x-kubernetes-int-or-string: true}
            any: {type: object, x-kubernetes-preserve-unknown-fields: true}
            template: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
            labels: {type: object, maxProperties: 2, additionalProperties: {type: string, maxLength: 3}}
            tags: {type: array, x-kubernetes-list-type: set, maxItems: 3, items: {type: string}}
            ports:
              type: array
              minItems: 1
              x-kubernetes-list-type: map
              x-kubernetes-list-map-keys: [name]
              items:
                type: object
                required: [name]
                properties:
                  name: {type: string}
                  number: {type: integer, default: 80}
            clusterAgent:
              type: object
              default: {}
              properties:
                mode: {type: string, default: direct}
      """;

  private static StructuralSchema plane() throws SchemaProblem {
    return StructuralSchema.parse(Yaml.value(PLANE));
  }

  private static List<String> errors(String schema, String value) throws SchemaProblem {
    return StructuralSchema.parseValue(Yaml.value(schema))
        .validate(Yaml.value(value), null)
        .stream()
        .map(FieldError::toString)
        .toList();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {planeID: Upper}           | spec.planeID: Invalid value: "Upper": spec.planeID in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'
      {planeID: 7}               | spec.planeID: Invalid value: "integer": spec.planeID in body must be of type string: "integer"
      {planeID: null}            | spec.planeID: Invalid value: "null": spec.planeID in body must be of type string: "null"
      {planeID: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} | spec.planeID: Too long: may not be more than 63 bytes
      {replicas: 0}              | spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1
      {replicas: 10}             | spec.replicas: Invalid value: 10: spec.replicas in body should be less than or equal to 9
      {replicas: 1.5}            | spec.replicas: Invalid value: "number": spec.replicas in body must be of type integer: "number"
      {share: 0}                 | spec.share: Invalid value: 0: spec.share in body should be greater than 0
      {share: 0.3}               | spec.share: Invalid value: 0.3: spec.share in body should be a multiple of 0.25
      {kind: C}                  | spec.kind: Unsupported value: "C": supported values: "A", "B"
      {when: yesterday}          | spec.when: Invalid value: "yesterday": spec.when in body must be of type date-time: "yesterday"
      {nick: x}                  | spec.nick: Invalid value: "x": spec.nick in body should be at least 2 chars long
      {port: true}               | spec.port: Invalid value: "boolean": spec.port in body must be of type integer or string: "boolean"
      {labels: {a: long}}        | spec.labels[a]: Too long: may not be more than 3 bytes
      {labels: {a: x, b: x, c: x}} | spec.labels: Too many: 3: must have at most 2 items
      {tags: [a, b, a]}          | spec.tags[2]: Duplicate value: "a"
      {tags: [a, b, c, d]}       | spec.tags: Too many: 4: must have at most 3 items
      {ports: []}                | spec.ports: Invalid value: 0: spec.ports in body should have at least 1 items
      {ports: [{number: 1}]}     | spec.ports[0].name: Required value
      {ports: [{name: a}, {name: a, number: 2}]} | spec.ports[1]: Duplicate value: {"name":"a"}
      """)
  void everyViolationIsWordedAsTheApiServerWordsIt(String spec, String message)
      throws SchemaProblem {
    var body =
        spec.startsWith("{}") ? "{}" : spec.substring(0, spec.length() - 1) + ", clusterAgent: {}}";
    var found = plane().validate(Yaml.value("{spec: " + body + "}"), null);

    assertThat(found).extracting(FieldError::toString).containsExactly(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{replicas: 3.0}",
        "{share: 0.5}",
        "{nick: null}",
        "{port: 80}",
        "{port: http}",
        "{when: '2026-01-31T12:00:00.5+02:00'}",
        "{any: {x: [1, {y: null}]}}",
        "{template: {apiVersion: v1, kind: X, metadata: {name: a}}}",
        "{labels: {}}"
      })
  void validValuesHaveNoErrors(String spec) throws SchemaProblem {
    var body = spec.substring(0, spec.length() - 1) + ", clusterAgent: {}}";

    assertThat(plane().validate(Yaml.value("{spec: " + body + "}"), null)).isEmpty();
  }

  @Test
  void aMissingRequiredFieldIsNamedWithItsPath() throws SchemaProblem {
    assertThat(plane().validate(Yaml.value("{spec: {}}"), null))
        .extracting(FieldError::toString)
        .containsExactly("spec.clusterAgent: Required value");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      int32 | 3000000000 | false
      int64 | 3000000000 | true
      """)
  void numberFormatsBoundTheValue(String format, String value, boolean valid) throws SchemaProblem {
    var schema = "{type: object, properties: {x: {type: integer, format: " + format + "}}}";

    assertThat(errors(schema, "{x: " + value + "}").isEmpty()).isEqualTo(valid);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      date      | 2026-02-28 | 2026-02-30
      byte      | YWJj       | 'not base64!'
      uuid      | 123e4567-e89b-12d3-a456-426614174000 | 123e4567
      email     | a@b.example | nobody
      ipv4      | 10.0.0.1   | 10.0.0.256
      ipv6      | fe80::1    | 10.0.0.1
      cidr      | 10.0.0.0/8 | 10.0.0.0/33
      uri       | https://example.com/a | a b
      hostname  | build.example.com | -x
      mac       | 00:11:22:33:44:55 | 00:11
      duration  | 1h30m      | 1 hour
      password  | anything   |
      """)
  void textFormatsAreChecked(String format, String good, String bad) throws SchemaProblem {
    var schema = "{type: object, properties: {x: {type: string, format: " + format + "}}}";

    assertThat(errors(schema, "{x: '" + good + "'}")).isEmpty();
    assertThat(bad == null || errors(schema, "{x: \"" + bad + "\"}").size() == 1)
        .isTrue();
  }

  @Test
  void junctorsAreJudgedAndTheNearestAlternativeIsExplained() throws SchemaProblem {
    var schema = """
        type: object
        properties:
          value: {type: string}
          secretRef: {type: string}
          level: {type: integer}
        oneOf:
          - required: [value]
          - required: [secretRef]
        not: {required: [level], properties: {level: {maximum: 0}}}
        """;

    assertThat(errors(schema, "{value: a}")).isEmpty();
    assertThat(errors(schema, "{}"))
        .containsExactly(
            "Invalid value: \"object\": \"\" must validate one and only one schema (oneOf). Found none valid",
            "value: Required value");
    assertThat(errors(schema, "{value: a, secretRef: b}"))
        .containsExactly(
            "Invalid value: \"object\": \"\" must validate one and only one schema (oneOf). Found 2 valid alternatives");
    assertThat(errors(schema, "{value: a, level: -1}"))
        .containsExactly("Invalid value: \"object\": \"\" must not validate the schema (not)");
  }

  @Test
  void aBranchWithRequiredAndNumberIsJudgedByAllOfIt() throws SchemaProblem {
    var schema =
        "{type: object, properties: {n: {type: integer, allOf: [{minimum: 2}, {maximum: 4}], anyOf: [{enum: [2]}, {enum: [3, 9]}]}}}";

    assertThat(errors(schema, "{n: 3}")).isEmpty();
    assertThat(errors(schema, "{n: 9}"))
        .containsExactly("n: Invalid value: 9: n in body should be less than or equal to 4");
    assertThat(errors(schema, "{n: 4}"))
        .first()
        .isEqualTo("n: Invalid value: 4: \"n\" must validate at least one schema (anyOf)");
  }

  @Test
  void hugeExponentsCostNothing() throws SchemaProblem {
    var schema = "{type: object, properties: {x: {type: number, multipleOf: 3, minimum: 1}}}";
    var value = Yaml.object("{}");
    value.put("x", new java.math.BigDecimal("1e2000000000"));

    assertThat(StructuralSchema.parseValue(Yaml.value(schema)).validate(value, null))
        .hasSize(1);
  }

  @Nested
  class Pruning {
    @Test
    void unknownFieldsGoAndTheirPathsAreTold() throws SchemaProblem {
      var object = Yaml.object("""
          apiVersion: v1
          kind: Plane
          metadata: {name: a, odd: 1}
          status: {a: 1}
          spec:
            planeId: x
            any: {x: {y: 1}}
            port: 1
            template: {apiVersion: v1, kind: X, metadata: {a: 1}, spec: {b: 1}, other: 1}
            labels: {a: b}
            ports: [{name: a, nmber: 1}]
          """);

      assertThat(plane().prune(object))
          .containsExactly(
              "status",
              "spec.planeId",
              "spec.template.spec.b",
              "spec.template.other",
              "spec.ports[0].nmber");
      assertThat(object).isEqualTo(Yaml.value("""
          apiVersion: v1
          kind: Plane
          metadata: {name: a, odd: 1}
          spec:
            any: {x: {y: 1}}
            port: 1
            template: {apiVersion: v1, kind: X, metadata: {a: 1}, spec: {}}
            labels: {a: b}
            ports: [{name: a}]
          """));
    }
  }

  @Nested
  class Defaults {
    @Test
    void absentFieldsAndNullsOfFieldsThatAreNotNullableAreFilled() throws SchemaProblem {
      var object = Yaml.object(
          "{spec: {replicas: null, kind: null, nick: null, ports: [{name: a}, {name: b, number: 1}]}}");

      plane().applyDefaults(object);

      assertThat(object).isEqualTo(Yaml.value("""
          spec:
            replicas: 1
            nick: null
            ports: [{name: a, number: 80}, {name: b, number: 1}]
            clusterAgent: {mode: direct}
          """));
    }

    @Test
    void nothingIsWrittenIntoAnAbsentObjectWithoutADefault() throws SchemaProblem {
      var object = Yaml.object("{}");

      plane().applyDefaults(object);

      assertThat(object).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
        {type: integer, default: x}  | properties[a].default: Invalid value: "string": body must be of type integer: "string"
        {type: integer, minimum: 3, default: 1} | properties[a].default: Invalid value: 1: body should be greater than or equal to 3
        {type: object, default: {b: 1}} | properties[a].default: Invalid value: {"b":1}: must not have unknown fields: b
        """)
    void aDefaultThatIsNotValidIsRefused(String property, String message) {
      assertThatThrownBy(() -> StructuralSchema.parse(
              Yaml.value("{type: object, properties: {a: " + property + "}}")))
          .isInstanceOf(SchemaProblem.class)
          .hasMessage(message);
    }
  }

  @Nested
  class Ratcheting {
    @Test
    void whatAnUpdateDoesNotChangeIsNotJudgedAgain() throws SchemaProblem {
      var old = Yaml.value(
          "{spec: {planeID: Upper, kind: C, clusterAgent: {}, ports: [{name: a, number: x}]}}");
      var updated = Yaml.value(
          "{spec: {planeID: Upper, kind: D, clusterAgent: {}, ports: [{name: b}, {name: a, number: x}]}}");

      assertThat(plane().validate(updated, old))
          .extracting(FieldError::path)
          .containsExactly("spec.kind");
    }
  }

  @Nested
  class NotStructural {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
        {}                                              | type: Required value: must not be empty at the root
        {type: string}                                  | type: Unsupported value: "string": supported values: "object"
        {type: object, properties: {a: {}}}             | properties[a].type: Required value: must not be empty for specified object fields
        {type: object, properties: {a: {type: array}}}  | properties[a].items: Required value: must be specified
        {type: object, properties: {a: {type: array, items: {}}}} | properties[a].items.type: Required value: must not be empty for specified array items
        {type: object, properties: {a: {type: foo}}}    | properties[a].type: Unsupported value: "foo": supported values: "array", "boolean", "integer", "number", "object", "string"
        {type: object, properties: {a: {type: string}}, additionalProperties: {type: string}} | additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive
        {type: object, additionalProperties: false}     | additionalProperties: Forbidden: additionalProperties cannot be set to false
        {type: object, properties: {a: {type: string, pattern: '['}}} | properties[a].pattern: Invalid value: "[": must be a valid regular expression, but isn't: error parsing regexp: missing closing ]: `[`
        {type: object, anyOf: [{properties: {b: {minimum: 1}}}]} | properties[b]: Required value: because it is defined in anyOf[0].properties[b]
        {type: object, allOf: [{type: object}]}         | allOf[0].type: Forbidden: must be empty to be structural
        {type: object, $ref: x}                         | $ref: Forbidden: $ref is not supported in a structural schema
        {type: object, properties: {a: {type: array, uniqueItems: true, items: {type: string}}}} | properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic; use x-kubernetes-list-type: set
        {type: object, properties: {a: {type: array, x-kubernetes-list-type: map, items: {type: object}}}} | properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map
        {type: object, properties: {a: {type: string, minLength: -1}}} | properties[a].minLength: Invalid value: -1: must be an integer of at least 0
        """)
    void theFaultIsNamedWithItsPlace(String schema, String message) {
      assertThatThrownBy(() -> StructuralSchema.parse(Yaml.value(schema)))
          .isInstanceOf(SchemaProblem.class)
          .hasMessage(message);
    }

    @Test
    void allFaultsAreListedAtOnce() {
      var problem = catchThrowableOfType(
          SchemaProblem.class,
          () -> StructuralSchema.parse(
              Yaml.value("{type: object, properties: {a: {}, b: {type: array}}}")));

      assertThat(problem.errors())
          .extracting(FieldError::path)
          .containsExactly("properties[a].type", "properties[b].items");
    }

    @Test
    void intOrStringMayNameItsTwoTypesInAJunctor() {
      var schema =
          "{type: object, properties: {p: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}}}";

      assertThatCode(() -> StructuralSchema.parse(Yaml.value(schema))).doesNotThrowAnyException();
    }
  }

  @Test
  void theSchemaIsPublishedAsItWasGiven() throws SchemaProblem {
    assertThat(plane().toOpenApi()).isEqualTo(Yaml.value(PLANE));
  }
}
