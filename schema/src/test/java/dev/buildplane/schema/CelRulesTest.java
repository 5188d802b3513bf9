package dev.buildplane.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CelRulesTest {
  private static final String FIELDS = """
        type: object
        properties:
          kind: {type: string}
          n: {type: integer}
          share: {type: number}
          nick: {type: string, nullable: true}
          namespace: {type: string}
          foo-bar: {type: string}
          when: {type: string, format: date-time}
          wait: {type: string, format: duration}
          data: {type: string, format: byte}
          port: {x-kubernetes-int-or-string: true}
          labels: {type: object, additionalProperties: {type: string}}
          list: {type: array, items: {type: integer}}
          ports:
            type: array
            x-kubernetes-list-type: map
            x-kubernetes-list-map-keys: [name]
            items: {type: object, properties: {name: {type: string}, number: {type: integer}}}
        x-kubernetes-validations:
      """;

  private static StructuralSchema schema(String rules) throws SchemaProblem {
    return StructuralSchema.parse(
        Yaml.value("type: object\nproperties:\n  spec:\n" + FIELDS.indent(2) + rules.indent(8)));
  }

  private static StructuralSchema rule(String rule) throws SchemaProblem {
    return schema(
        "- {rule: \"" + rule.replace("\\", "\\\\").replace("\"", "\\\"") + "\", message: broken}");
  }

  private static List<String> errors(StructuralSchema schema, String spec) {
    return texts(schema.validate(Yaml.value("{spec: " + spec + "}"), null));
  }

  private static List<String> errors(StructuralSchema schema, String spec, String old) {
    return texts(
        schema.validate(Yaml.value("{spec: " + spec + "}"), Yaml.value("{spec: " + old + "}")));
  }

  private static List<String> texts(List<FieldError> errors) {
    return errors.stream().map(FieldError::toString).toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "self.kind == 'K'",
        "!has(self.missing_not)||true ? true : false",
        "self.n + 1 == 4",
        "self.n < 3.5",
        "self.share == 2.0",
        "self.nick == null",
        "self.__namespace__ == 'ns'",
        "self.foo__dash__bar == 'x'",
        "self.when < timestamp('2030-01-01T00:00:00Z')",
        "self.wait == duration('90m')",
        "self.data == b'abc'",
        "self.port == 80 || self.port == 'http'",
        "self.labels.all(k, self.labels[k].size() < 5)",
        "self.labels.all(k, v, v != k)",
        "self.list.sum() == 6 && self.list.isSorted() && self.list.max() == 3 && self.list.min() == 1",
        "self.list.indexOf(2) == 1 && self.list.lastIndexOf(9) == -1 && 'abcb'.lastIndexOf('b') == 3 && 'abc'.indexOf('c', 1) == 2",
        "self.ports.exists_one(p, p.name == 'web' && p.number == 80)",
        "self.?kind.orValue('z') == 'K'",
        "'a1b22'.find('[0-9]+') == '1' && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1b22'.findAll('[0-9]+', 1) == ['1']",
        "'abc'.matches('b') && 'abc'.reverse() == 'cba' && [1, 2].reverse() == [2, 1]",
        "quantity('1.5Gi').isGreaterThan(quantity('1Gi')) && quantity('1k').asInteger() == 1000 && quantity('100m').add(quantity('0.9')) == quantity('1')",
        "isQuantity('1Zi') == false && quantity('50k').sub(20).compareTo(quantity('49980')) == 0 && quantity('-1').sign() == -1",
        "url('https://u@example.com:8443/a%20b?k=v').getHost() == 'example.com:8443' && isURL('../x') == false",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://e.com/?a=1&a=2').getQuery() == {'a': ['1', '2']}",
        "ip('10.0.0.1').family() == 4 && isIP('fe80::%1') == false && ip('::1').isLoopback() && ip.isCanonical('2001:db8::abcd')",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        "cidr('10.0.0.0/8').ip() == ip('10.0.0.0') && cidr('::1/128').prefixLength() == 128 && string(ip('10.0.0.1')) == '10.0.0.1'",
        "format.dns1123Label().validate('ok').hasValue() == false && format.named('uuid').value().validate('x').hasValue()",
        "semver('1.10.0').isGreaterThan(semver('1.9.9')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0')) && isSemver('v1') == false",
        "'%s has %d at %.2f'.format(['x', 3, 1.5]) == 'x has 3 at 1.50'",
        "string(1) == '1' && string(dyn(1)) == '1' && dyn('abc').indexOf('c') == 2 && dyn([1]).indexOf(1) == 0",
        "sets.contains([1, 2], [1]) && [3, 1].sort() == [1, 3] && math.greatest(1, 2) == 2 && cel.bind(x, 1, x == 1)",
        "self == self"
      })
  void rulesThatHold(String rule) throws SchemaProblem {
    var spec =
        "{kind: K, n: 3, share: 2, nick: null, namespace: ns, foo-bar: x, when: '2026-01-01T00:00:00Z', wait: 1h30m,"
            + " data: YWJj, port: 80, labels: {a: b}, list: [1, 2, 3], ports: [{name: web, number: 80}]}";
    var usable =
        rule.replace("!has(self.missing_not)||true ? true : false", "!has(self.kind) || true");

    assertThat(errors(rule(usable), spec)).isEmpty();
  }

  @Test
  void aBrokenRuleTellsItsMessageAtItsPlace() throws SchemaProblem {
    var schema = rule("!has(self.kind) || self.kind == 'ClusterObservabilityPlane'");

    assertThat(errors(schema, "{kind: X}"))
        .containsExactly("spec: Invalid value: \"object\": broken");
    assertThat(errors(schema, "{}")).isEmpty();
  }

  @Test
  void aRuleWithoutMessageIsShownItself() throws SchemaProblem {
    assertThat(errors(schema("- {rule: self.n > 3}"), "{n: 1}"))
        .containsExactly("spec: Invalid value: \"object\": failed rule: self.n > 3");
  }

  @Test
  void messageExpressionReasonAndFieldPathShapeTheError() throws SchemaProblem {
    var schema = schema("""
        - {rule: 'self.n > 3', messageExpression: "'n is %d'.format([self.n])", reason: FieldValueForbidden, fieldPath: .n}
        """);

    assertThat(errors(schema, "{n: 1}")).containsExactly("spec.n: Forbidden: n is 1");
  }

  @Test
  void anEvaluationErrorSaysWhatFailedAndWhichRule() throws SchemaProblem {
    assertThat(errors(rule("self.labels['x'] == 'y'"), "{labels: {}}"))
        .containsExactly("spec: Invalid value: \"object\": no such key: x evaluating rule: broken");
  }

  @Test
  void transitionRulesRunOnlyOnUpdates() throws SchemaProblem {
    var schema = rule("self.n >= oldSelf.n");

    assertThat(errors(schema, "{n: 1}")).isEmpty();
    assertThat(errors(schema, "{n: 1}", "{n: 2}"))
        .containsExactly("spec: Invalid value: \"object\": broken");
    assertThat(errors(schema, "{n: 3}", "{n: 2}")).isEmpty();
  }

  @Test
  void optionalOldSelfRunsOnCreationToo() throws SchemaProblem {
    var schema = schema(
        "- {rule: 'oldSelf.hasValue() ? self.n > oldSelf.value().n : self.n == 0', optionalOldSelf: true, message: broken}");

    assertThat(errors(schema, "{n: 0}")).isEmpty();
    assertThat(errors(schema, "{n: 1}")).containsExactly("spec: Invalid value: \"object\": broken");
    assertThat(errors(schema, "{n: 1}", "{n: 0}")).isEmpty();
  }

  @Test
  void entriesOfMapListsHaveAnOldSelf() throws SchemaProblem {
    var schema = StructuralSchema.parse(Yaml.value("""
        type: object
        properties:
          ports:
            type: array
            x-kubernetes-list-type: map
            x-kubernetes-list-map-keys: [name]
            items:
              type: object
              properties: {name: {type: string}, number: {type: integer}}
              x-kubernetes-validations: [{rule: self.number == oldSelf.number, message: fixed}]
        """));

    var found = schema.validate(
        Yaml.value("{ports: [{name: b, number: 2}, {name: a, number: 9}]}"),
        Yaml.value("{ports: [{name: a, number: 1}]}"));

    assertThat(texts(found)).containsExactly("ports[1]: Invalid value: \"object\": fixed");
  }

  @Test
  void rulesWaitUntilTheShapeIsRight() throws SchemaProblem {
    assertThat(errors(rule("self.n > 3"), "{n: x}"))
        .containsExactly(
            "spec.n: Invalid value: \"string\": spec.n in body must be of type integer: \"string\"",
            "Invalid value: null: some validation rules were not checked because the object was invalid;"
                + " correct the existing errors to complete validation");
  }

  @Test
  void theRootSeesNameAndKind() throws SchemaProblem {
    var schema = StructuralSchema.parse(Yaml.value("""
        type: object
        properties: {metadata: {type: object}, spec: {type: object}}
        x-kubernetes-validations: [{rule: "self.metadata.name.startsWith('a') && self.kind == 'K'", message: broken}]
        """));

    assertThat(schema.validate(Yaml.value("{kind: K, metadata: {name: abc}}"), null))
        .isEmpty();
    assertThat(schema.validate(Yaml.value("{kind: K, metadata: {name: xyz}}"), null))
        .hasSize(1);
  }

  @Test
  void aScalarShowsItsValue() throws SchemaProblem {
    var schema = StructuralSchema.parse(Yaml.value("""
        type: object
        properties: {n: {type: integer, x-kubernetes-validations: [{rule: self > 3, message: too small}]}}
        """));

    assertThat(texts(schema.validate(Yaml.value("{n: 1}"), null)))
        .containsExactly("n: Invalid value: 1: too small");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      self.nme == 'x'     | ERROR: <input>:1:5: undefined field 'nme'
      self.kind == 3      | ERROR: <input>:1:11: found no matching overload for '_==_' applied to '(string, int)'
      self.kind           | must evaluate to a bool, found string
      self.kind ==        | ERROR: <input>:1:13: mismatched input
      frobnicate(self)    | ERROR: <input>:1:11: undeclared reference to 'frobnicate'
      """)
  void aRuleThatDoesNotCompileMakesTheSchemaInvalid(String rule, String detail) {
    assertThatThrownBy(() -> rule(rule))
        .isInstanceOf(SchemaProblem.class)
        .hasMessageStartingWith(
            "properties[spec].x-kubernetes-validations[0].rule: Invalid value: ")
        .hasMessageContaining(detail);
  }

  @Test
  void aTransitionRuleInAnAtomicListIsRefused() {
    assertThatThrownBy(() -> StructuralSchema.parse(Yaml.value("""
            type: object
            properties:
              l: {type: array, items: {type: string, x-kubernetes-validations: [{rule: self == oldSelf}]}}
            """)))
        .hasMessageContaining("oldSelf cannot be used on the uncorrelatable portion of the schema");
  }

  @Test
  void aRuleThatLoopsTooLongIsStopped() throws SchemaProblem {
    var schema = rule("self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))");
    var spec = Yaml.object("{spec: {}}");
    var list = spec.withObject("/spec").putArray("list");
    for (var i = 0; i < 200; i++) {
      list.add(i);
    }

    assertThat(texts(schema.validate(spec, null)))
        .containsExactly(
            "spec: Invalid value: \"object\": validation failed due to running out of cost budget,"
                + " no further validation rules will be run");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x + x",
        "x.replace('', x)",
        "[x, x].join('')",
        "'%s%s'.format([x, x])",
        "strings.quote(x)",
        "base64.encode(bytes(x))",
        "string([x + x, x][0])"
      })
  void textsThatGrowWithoutEndAreStopped(String step) {
    var expression = new StringBuilder("self.kind");
    for (var i = 0; i < 60; i++) {
      expression = new StringBuilder("cel.bind(x, ")
          .append(expression)
          .append(", ")
          .append(step)
          .append(")");
    }
    var rule = expression.append(" == ''").toString();

    assertThatCode(() -> {
          // deep nesting is refused already, or evaluation stops at the bound
          var errors = errors(rule(rule), "{kind: '\\\"xxxxxxxxxxxxxxxxxxxx'}");
          assertThat(errors)
              .hasSize(1)
              .first()
              .asString()
              .matches(error -> error.contains("a text may have at most"), "names the bound");
        })
        .satisfiesAnyOf(
            thrown -> assertThat(thrown).isNull(),
            thrown -> assertThat(thrown)
                .isInstanceOf(SchemaProblem.class)
                .hasMessageContaining("recursion"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lists.range(1000000000).size() > 0",
        "[self.list].all(x, (x + x).size() > 0) && lists.range(100001) == []"
      })
  void listsThatGrowWithoutEndAreStopped(String rule) throws SchemaProblem {
    assertThat(errors(rule(rule), "{list: [1]}"))
        .hasSize(1)
        .first()
        .asString()
        .contains("a list may have at most");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1 + 2 == 3 && 1u + 2u == 3u && 1.5 + 1.0 == 2.5",
        "'a' + 'b' == 'ab' && b'a' + b'b' == b'ab' && [1] + [2] == [1, 2]",
        "duration('1h') + duration('1m') == duration('61m')",
        "dyn(1) + dyn(2) == 3 && dyn('a') + dyn('b') == 'ab'",
        "timestamp('2026-01-01T00:00:00Z') + duration('1h') == timestamp('2026-01-01T01:00:00Z')",
        "'aXbX'.replace('X', '-') == 'a-b-' && 'aXbX'.replace('X', '-', 1) == 'a-bX'",
        "'ab'.replace('', '-') == '-a-b-'",
        "['a', 'b'].join('/') == 'a/b' && ['a', 'b'].join() == 'ab'",
        "strings.quote('a\\nb') == '\"a\\\\nb\"'",
        "base64.decode('YQ==') == b'a' && base64.encode(b'a') == 'YQ=='"
      })
  void functionsWithABoundWorkBelowIt(String rule) throws SchemaProblem {
    assertThat(errors(rule(rule), "{}")).isEmpty();
  }

  @Test
  void acceptedSchemasCompileTheirRulesOnFirstUse() throws SchemaProblem {
    var schema = StructuralSchema.parseAccepted(Yaml.value("""
        {type: object, properties: {n: {type: integer}}, x-kubernetes-validations: [{rule: self.x > 1}]}
        """));

    assertThat(schema.validate(Yaml.value("{n: 1}"), null))
        .hasSize(1)
        .first()
        .asString()
        .contains("undefined field 'x'");
  }
}
