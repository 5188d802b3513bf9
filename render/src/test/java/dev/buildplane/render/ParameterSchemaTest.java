package dev.buildplane.render;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ParameterSchemaTest {
  private static final String EXAMPLE = """
      types:
        Cache:
          enabled: boolean | default=true
          paths: '[]string | default=["/root/.m2"]'
      parameters:
        repo:
          url: string | description="Where the code lives" pattern="^https://"
          ref: string | default=main
        jdk: integer | default=21 enum=17,21,25
        labels: map<string> | default={}
        cache: Cache | default={}
        limits:
          $default: {cpu: "2"}
          cpu: string
          memoryMb: integer | default=2048 minimum=256 multipleOf=256
      """;

  private static ParameterSchema example() throws ParameterSchemaProblem {
    return ParameterSchema.parse(Yaml.value(EXAMPLE));
  }

  /// The schema of one field with this shorthand, in a Workflow with some types.
  private static JsonNode field(String shorthand) throws ParameterSchemaProblem {
    var schema = Yaml.object("""
        types:
          Port: integer | minimum=1 maximum=65535
          Item: {name: string, port: 'Port | default=80'}
          Loop: {next: 'Loop'}
          Ping: '[]Pong'
          Pong: map<Ping>
        """);
    schema.putObject("parameters").set("f", TextNode.valueOf(shorthand));
    return ParameterSchema.parse(schema).openApi().path("properties").path("f");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
      string                         ! {type: string}
      ` integer `                    ! {type: integer}
      number                         ! {type: number}
      boolean                        ! {type: boolean}
      []string                       ! {type: array, items: {type: string}}
      array<number>                  ! {type: array, items: {type: number}}
      map<boolean>                   ! {type: object, additionalProperties: {type: boolean}}
      map[string]integer             ! {type: object, additionalProperties: {type: integer}}
      []map<integer>                 ! {type: array, items: {type: object, additionalProperties: {type: integer}}}
      map<[]string>                  ! {type: object, additionalProperties: {type: array, items: {type: string}}}
      array<array<Port>>             ! {type: array, items: {type: array, items: {type: integer, minimum: 1, maximum: 65535}}}
      Port                           ! {type: integer, minimum: 1, maximum: 65535}
      Port | default=8080 maximum=9000 ! {type: integer, minimum: 1, maximum: 9000, default: 8080}
      Item                           ! {type: object, required: [name], properties: {name: {type: string}, port: {type: integer, minimum: 1, maximum: 65535, default: 80}}}
      string | default=a | enum=a,b  ! {type: string, default: a, enum: [a, b]}
      string|default=a enum=a,b      ! {type: string, default: a, enum: [a, b]}
      string | default=              ! {type: string, default: ''}
      string | default="a | b"       ! {type: string, default: 'a | b'}
      string | default='it''s'       ! {type: string, default: "it's"}
      string | default="tab\\t\\u00e9" ! {type: string, default: "tab\\té"}
      string | default="bad\\q"      ! {type: string, default: '"bad\\q"'}
      string | default=a"b c"        ! {type: string, default: 'a"b c"'}
      string | default=x|y           ! {type: string, default: 'x|y'}
      string | enum="a,b",c          ! {type: string, enum: ['a,b', c]}
      string | enum='a,b',c          ! {type: string, enum: ["'a", "b'", c]}
      string | pattern="^a b$" minLength=1 maxLength=9 ! {type: string, pattern: '^a b$', minLength: 1, maxLength: 9}
      string | format=date-time title='A t' description="d e" ! {type: string, format: date-time, title: A t, description: d e}
      integer | enum=1,2,3 default=2 ! {type: integer, enum: [1, 2, 3], default: 2}
      integer | default=-9223372036854775808 ! {type: integer, default: -9223372036854775808}
      number | minimum=0 exclusiveMinimum=true multipleOf=0.5 default=1.5 ! {type: number, minimum: 0, exclusiveMinimum: true, multipleOf: 0.5, default: 1.5}
      boolean | default=T            ! {type: boolean, default: true}
      boolean | default=0            ! {type: boolean, default: false}
      []string | default=["a", "b"] minItems=1 ! {type: array, items: {type: string}, default: [a, b], minItems: 1}
      map<integer> | default={"a": 1} maxProperties=2 ! {type: object, additionalProperties: {type: integer}, default: {a: 1}, maxProperties: 2}
      string | example=7             ! {type: string, example: 7}
      string | example=true          ! {type: string, example: true}
      string | example=1.5           ! {type: string, example: 1.5}
      string | example={"a":[1]}     ! {type: string, example: {a: [1]}}
      string | example=text          ! {type: string, example: text}
      string | oc:build:inject=git.commit oc:hidden default=x ! {type: string, default: x}
      """)
  void shorthandBecomesASchema(String shorthand, String schema) throws ParameterSchemaProblem {
    assertThat(field(shorthand.replace("\\\\", "\\")).toString())
        .satisfies(found ->
            assertThat(Yaml.value(found)).isEqualTo(Yaml.value(schema.replace("\\\\", "\\"))));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
      ``                             ! empty field definition
      object                         ! type "object" is not allowed; use a map type such as map<string> or a structured type
      Nope                           ! unknown type "Nope"
      []                             ! a type is missing
      map[int]string                 ! map key type must be string, found "int"
      array<string                   ! "array<string" has no closing '>'; constraints are not allowed inside angle brackets
      Loop                           ! detected cyclic type reference involving "Loop"
      Ping                           ! detected cyclic type reference involving "Ping"
      string | required=true         ! constraint marker "required" is not allowed
      string | colour=red            ! unknown constraint marker "colour"
      string | minLength             ! constraint marker "minLength" is missing a value (should be in format 'key=value')
      string | minLength=one         ! minLength=one: expected an integer
      integer | default=             ! default=: expected an integer
      integer | default=1.5          ! default=1.5: expected an integer
      integer | default=99999999999999999999 ! expected an integer
      number | default=x             ! default=x: expected a number
      boolean | default=yes          ! default=yes: expected true or false
      []string | default=a           ! default=a: expected the JSON of an array
      map<string> | default=[]       ! default=[]: expected the JSON of an object
      string | exclusiveMinimum=3    ! exclusiveMinimum=3: expected true or false
      """)
  void aFaultInShorthandIsTold(String shorthand, String message) {
    var problem = catchThrowableOfType(
        ParameterSchemaProblem.class, () -> field(shorthand == null ? "" : shorthand));

    assertThat(problem.problems()).hasSize(1);
    assertThat(problem.problems().getFirst().where()).startsWith("spec.schema.parameters.f");
    assertThat(problem.problems().getFirst().message()).contains(message);
    assertThat(problem.problems().getFirst().code()).isEqualTo(RenderProblem.Code.SCHEMA_INVALID);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', textBlock = """
      [a]   ! unsupported field definition of type array
      3     ! unsupported field definition of type integer
      1.5   ! unsupported field definition of type number
      true  ! unsupported field definition of type boolean
      """)
  void onlyTextAndMapsDefineFields(String definition, String message) {
    assertThatThrownBy(
            () -> ParameterSchema.parse(Yaml.value("{parameters: {f: " + definition + "}}")))
        .isInstanceOf(ParameterSchemaProblem.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
      {f: 'integer | default=30 enum=17,21'}         ! spec.schema.parameters.f.default: Unsupported value: 30: supported values: 17, 21
      {f: 'string | default=x minLength=2'}          ! spec.schema.parameters.f.default: Invalid value: "x": body should be at least 2 chars long
      {f: {$default: {}, g: string}}                 ! spec.schema.parameters.f.default.g: Required value
      {f: {$default: {g: a, h: 1}, g: string}}       ! must not have unknown fields: h
      {f: {$default: 3, g: string}}                  ! $default must be a map or the JSON text of an object
      {f: 'string | pattern="["'}                    ! spec.schema.parameters.f.pattern: Invalid value: "[": must be a valid regular expression
      """)
  void everyDefaultIsValidatedAgainstItsSchema(String parameters, String message) {
    assertThatThrownBy(() -> ParameterSchema.parse(Yaml.value("{parameters: " + parameters + "}")))
        .isInstanceOf(ParameterSchemaProblem.class)
        .hasMessageContaining(message);
  }

  @Test
  void allFaultsAreToldAtOnce() {
    var problem = catchThrowableOfType(
        ParameterSchemaProblem.class,
        () -> ParameterSchema.parse(
            Yaml.value("{parameters: {a: Nope, b: {c: object}, d: string}}")));

    assertThat(problem.problems())
        .extracting(RenderProblem::where)
        .containsExactly("spec.schema.parameters.a", "spec.schema.parameters.b.c");
  }

  @Test
  void aFieldIsRequiredUnlessItHasADefault() throws ParameterSchemaProblem {
    var schema = example().openApi();

    assertThat(schema.path("required")).isEqualTo(Yaml.value("[repo]"));
    assertThat(schema.at("/properties/repo/required")).isEqualTo(Yaml.value("[url]"));
    assertThat(schema.at("/properties/limits/required")).isEqualTo(Yaml.value("[cpu]"));
    assertThat(schema.at("/properties/cache").has("required")).isFalse();
    assertThat(schema.path("properties").properties())
        .extracting(Map.Entry::getKey)
        .isSorted();
  }

  @Test
  void defaultsFillWhatIsAbsentAndNothingElse() throws ParameterSchemaProblem {
    var complete = example()
        .complete(
            Yaml.value("{repo: {url: 'https://x', ref: null}, extra: 1, limits: {cpu: '4'}}"));

    assertThat(complete).isEqualTo(Yaml.value("""
        repo: {url: 'https://x', ref: main}
        extra: 1
        limits: {cpu: '4', memoryMb: 2048}
        jdk: 21
        labels: {}
        cache: {enabled: true, paths: [/root/.m2]}
        """));
    assertThat(example().validate(complete)).isEmpty();
    assertThat(example().unknown(complete)).containsExactly("extra");
  }

  @Test
  void anObjectWithoutADefaultIsNotMadeByItsChildren() throws ParameterSchemaProblem {
    var schema = ParameterSchema.parse(Yaml.value("{parameters: {o: {a: 'string | default=x'}}}"));
    var complete = schema.complete(Yaml.value("{}"));

    assertThat(complete).isEmpty();
    assertThat(schema.validate(complete))
        .extracting(Object::toString)
        .containsExactly("o: Required value");
  }

  @Test
  void theDefaultOfAnObjectMayBeJsonText() throws ParameterSchemaProblem {
    var schema = ParameterSchema.parse(Yaml.value(
        "{parameters: {o: {$default: '{\"a\": 1}', a: integer, b: 'integer | default=2'}}}"));

    assertThat(schema.complete(Yaml.value("{}"))).isEqualTo(Yaml.value("{o: {a: 1, b: 2}}"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
      {}                                       ! repo: Required value
      {repo: {}}                               ! repo.url: Required value
      {repo: {url: ftp://x}}                   ! repo.url: Invalid value: "ftp://x": repo.url in body should match '^https://'
      {repo: {url: 'https://x'}, jdk: 8}       ! jdk: Unsupported value: 8: supported values: 17, 21, 25
      {repo: {url: 'https://x'}, jdk: '21'}    ! jdk: Invalid value: "string": jdk in body must be of type integer: "string"
      {repo: {url: 'https://x'}, labels: {a: 1}} ! labels[a]: Invalid value: "integer": labels[a] in body must be of type string: "integer"
      {repo: {url: 'https://x'}, limits: {cpu: '1', memoryMb: 300}} ! limits.memoryMb: Invalid value: 300: limits.memoryMb in body should be a multiple of 256
      """)
  void parametersAreValidatedWithTheirPath(String parameters, String message)
      throws ParameterSchemaProblem {
    var complete = example().complete(Yaml.value(parameters));

    assertThat(example().validate(complete)).extracting(Object::toString).containsExactly(message);
  }

  @Test
  void numbersTakeTheTypeOfTheirField() throws ParameterSchemaProblem {
    var schema = ParameterSchema.parse(
        Yaml.value("{parameters: {i: integer, n: number, l: '[]integer', m: 'map<number>'}}"));
    var complete = schema.complete(Yaml.value("{i: 3.0, n: 2, l: [1.0, 2], m: {a: 1}}"));

    assertThat(complete.path("i").isIntegralNumber()).isTrue();
    assertThat(complete.path("n").isFloatingPointNumber()).isTrue();
    assertThat(complete.at("/l/0").isIntegralNumber()).isTrue();
    assertThat(complete.at("/m/a").isFloatingPointNumber()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{parameters: {}}", "{types: {A: string}}"})
  void aSchemaWithoutParametersTakesAnything(String schema) throws ParameterSchemaProblem {
    var parsed = ParameterSchema.parse(Yaml.value(schema));

    assertThat(parsed.openApi()).isEqualTo(Yaml.value("{type: object}"));
    assertThat(parsed.validate(parsed.complete(Yaml.value("{a: [1]}")))).isEmpty();
  }

  @Test
  void noSchemaIsAnEmptySchema() throws ParameterSchemaProblem {
    assertThat(ParameterSchema.parse(MissingNode.getInstance()).complete(MissingNode.getInstance()))
        .isEmpty();
  }

  @Test
  void typesThatMultiplyAreStopped() {
    var schema = Yaml.object("{types: {T0: string}, parameters: {f: T9}}");
    for (var i = 1; i < 10; i++) {
      var type = schema.withObject("/types").putObject("T" + i);
      for (var field = 0; field < 10; field++) {
        type.put("f" + field, "T" + (i - 1));
      }
    }

    assertThatThrownBy(() -> ParameterSchema.parse(schema))
        .hasMessageContaining("more than 10000 fields");
  }
}
