package dev.buildplane.render;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RunRendererTest {
  private static final RunRenderer RENDERER = new RunRenderer();

  private static final String WORKFLOW = """
      schema:
        parameters:
          repo:
            url: string
            branch: string | default=main
            secretRef: string | default=""
          n: integer | default=3
          ratio: number | default=0.5
          debug: boolean | default=false
          args: '[]string | default=["a", "b"]'
          env: map<string> | default={"K":"v"}
          name: string | default="my app"
      externalRefs:
        - {id: git-secret, apiVersion: openchoreo.dev/v1alpha1, kind: SecretReference, name: '${parameters.repo.secretRef}'}
      runTemplate:
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {name: '${metadata.workflowRunName}', namespace: '${metadata.namespace}'}
        spec:
          serviceAccountName: workflow-sa
      """;

  private static RenderRequest request(String workflow, String parameters) {
    return new RenderRequest(
        Yaml.value(workflow),
        "run-1",
        "acme",
        Map.of("openchoreo.dev/project", "shop"),
        Yaml.value(parameters),
        Map.of());
  }

  private static RenderRequest template(JsonNode value, String parameters) {
    var workflow = Yaml.object(WORKFLOW);
    workflow.withObject("/runTemplate/spec").set("x", value);
    return new RenderRequest(
        workflow,
        "run-1",
        "acme",
        Map.of("openchoreo.dev/project", "shop"),
        Yaml.value(parameters),
        Map.of());
  }

  private static JsonNode rendered(JsonNode template, String parameters) {
    var outcome = RENDERER.render(template(template, parameters));
    assertThat(outcome).isInstanceOf(RenderOutcome.Rendered.class);
    return ((RenderOutcome.Rendered) outcome).run().at("/spec/x");
  }

  private static JsonNode rendered(String text) {
    return rendered(TextNode.valueOf(text), "{repo: {url: u}}");
  }

  private static RenderProblem problem(RenderRequest request) {
    var outcome = RENDERER.render(request);
    assertThat(outcome).isInstanceOf(RenderOutcome.Failed.class);
    assertThat(((RenderOutcome.Failed) outcome).problems()).hasSize(1);
    return ((RenderOutcome.Failed) outcome).problems().getFirst();
  }

  private static RenderProblem problem(String text) {
    return problem(template(TextNode.valueOf(text), "{repo: {url: u}}"));
  }

  @Nested
  class Expressions {
    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
        ${parameters.n}                          ! 3
        ` ${parameters.n}  `                     ! 3
        ${parameters.n + 1}                      ! 4
        ${parameters.ratio}                      ! 0.5
        ${parameters.ratio * 2.0}                ! 1
        ${parameters.debug}                      ! false
        ${parameters.args}                       ! [a, b]
        ${parameters.env}                        ! {K: v}
        ${parameters.repo.branch}                ! main
        n=${parameters.n}                        ! n=3
        ${parameters.n}-${parameters.debug}      ! 3-false
        r=${parameters.ratio}                    ! r=0.5
        a=${parameters.args}                     ! 'a=["a","b"]'
        e=${parameters.env}                      ! 'e={"K":"v"}'
        ${"${HOME}"}                             ! ${HOME}
        ${'}'}                                   ! '}'
        ${'\\'}'}                                ! "'}"
        ${{'a': {'b': 1}}.a.b}                   ! 1
        ${parameters.n                           ! ${parameters.n
        x ${ y                                   ! x ${ y
        $HOME {x}                                ! $HOME {x}
        {{workflow.parameters.x}}                ! '{{workflow.parameters.x}}'
        {{${parameters.n}}}                      ! '{{3}}'
        ${metadata.workflowRunName}.${metadata.namespaceName}.${metadata.namespace} ! run-1.acme.openchoreo-ci-acme
        ${metadata.labels['openchoreo.dev/project']} ! shop
        ${parameters.?missing.orValue('none')}   ! none
        ${has(parameters.missing) ? 1 : 2}       ! 2
        ${'git-secret' in externalRefs}          ! false
        ${1000000}                               ! 1000000
        big ${1000000} ${2500000.0}              ! big 1000000 2500000
        ${{'a': 1, ?'b': optional.none()}}       ! {a: 1}
        ${'a,b'.split(',')}                      ! [a, b]
        ${parameters.args.join('-').upperAscii()} ! A-B
        ${base64.encode(b'hi')}                  ! aGk=
        ${parameters.env.transformMap(k, v, k + v)} ! {K: Kv}
        ${[3, 1, 2].sort()}                      ! [1, 2, 3]
        ${math.greatest(1, parameters.n)}        ! 3
        ${lists.range(3)}                        ! [0, 1, 2]
        ${'%d of %s'.format([parameters.n, 'x'])} ! 3 of x
        ${timestamp('2026-01-01T00:00:00Z')}     ! '2026-01-01T00:00:00Z'
        """)
    void evaluateInTwoModes(String text, String value) {
      assertThat(rendered(text.replace("\\\\", "\\")).toString())
          .isEqualTo(Yaml.value(value).toString());
    }

    @Test
    void suppliedIntegersAreAsGoodAsDefaults() {
      assertThat(rendered(TextNode.valueOf("${parameters.n + 1}"), "{repo: {url: u}, n: 1000000}")
              .longValue())
          .isEqualTo(1_000_001L);
      assertThat(rendered(TextNode.valueOf("n ${parameters.n}"), "{repo: {url: u}, n: 3.0}")
              .textValue())
          .isEqualTo("n 3");
    }

    @Test
    void blockScalarsWithOneExpressionAreNative() {
      assertThat(rendered("${\n  parameters.n\n}\n").isIntegralNumber()).isTrue();
    }

    @Test
    void mapKeysAreTemplatesAndNumbersPassThrough() {
      var template = Yaml.value(
          "{'k-${parameters.repo.branch}': 1, n: 2.5, z: null, l: ['${parameters.n}', true]}");

      assertThat(rendered(template, "{repo: {url: u}}"))
          .isEqualTo(Yaml.value("{k-main: 1, n: 2.5, z: null, l: [3, true]}"));
    }

    @Test
    void omittedFieldsKeysAndEntriesAreLeftOut() {
      var template = Yaml.value("""
          a: ${oc_omit()}
          b: ['${oc_omit()}', x, '${parameters.debug ? 1 : oc_omit()}']
          c: "${{'k': oc_omit(), 'l': [oc_omit(), 1], 'm': {'n': oc_omit()}}}"
          d: "x${oc_omit()}y"
          '${oc_omit()}': 1
          """);

      assertThat(rendered(template, "{repo: {url: u}}"))
          .isEqualTo(Yaml.value("{b: [x], c: {l: [1], m: {}}, d: xy}"));
    }
  }

  @Nested
  class Functions {
    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
        ${oc_generate_name('My App?', 'prod')}        ! my-app-prod-339732d2
        ${oc_generate_name(['My App?', 3, 'prod'])}   ! my-app-prod-339732d2
        ${oc_generate_name('solo')}                   ! solo-5364f2f2
        ${oc_dns_label('a', 'b')}                     ! a-b-d44362d6
        ${oc_hash('abc')}                             ! 1a47e90b
        ${oc_hash('')}                                ! 811c9dc5
        ${oc_merge({'a': 1, 'b': {'x': 1}}, {'b': {'y': 2}}, {'c': 3})} ! {a: 1, b: {y: 2}, c: 3}
        """)
    void ofOpenChoreo(String text, String value) {
      assertThat(rendered(text)).isEqualTo(Yaml.value(value));
    }

    @Test
    void longPartsShareTheRoomEvenly() {
      var name = rendered("${oc_dns_label('" + "a".repeat(60) + "', '" + "b".repeat(60) + "')}")
          .textValue();

      assertThat(name)
          .isEqualTo("a".repeat(27) + "-" + "b".repeat(26) + "-e3a7b771")
          .hasSize(63);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
        ${oc_generate_name()}      ! EXPRESSION_FAILED  ! a name needs at least one part
        ${oc_generate_name(1, 2)}  ! EXPRESSION_FAILED  ! a name is made of strings or of one list of strings, found int
        ${oc_merge({})}            ! EXPRESSION_INVALID ! oc_merge takes two or more maps, found 1
        ${oc_merge({}, 1)}         ! EXPRESSION_FAILED  ! oc_merge takes maps, found int
        """)
    void refuseWrongArguments(String text, RenderProblem.Code code, String message) {
      assertThat(problem(text).code()).isEqualTo(code);
      assertThat(problem(text).message()).contains(message);
    }
  }

  @Nested
  class Problems {
    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
        ${parameters.missing}         ! EXPRESSION_FAILED  ! 1:11 ! no such key: missing
        ${1 / 0}                      ! EXPRESSION_FAILED  ! 1:3  ! division by zero
        ${parameters.args[9]}         ! EXPRESSION_FAILED  ! 1:16 ! index out of bounds: 9
        ${undeclared}                 ! EXPRESSION_INVALID ! 1:1  ! undeclared reference to 'undeclared'
        ${1 +}                        ! EXPRESSION_INVALID ! 1:4  ! mismatched input
        a ${parameters.n + 'x'} b     ! EXPRESSION_FAILED  ! 1:14 ! no such overload
        """)
    void nameFieldExpressionAndPosition(
        String text, RenderProblem.Code code, String position, String message) {
      var problem = problem(text);

      assertThat(problem.code()).isEqualTo(code);
      assertThat(problem.where()).isEqualTo("spec.runTemplate.spec.x");
      assertThat(problem.expression()).isNotBlank();
      assertThat(problem.position()).isEqualTo(position);
      assertThat(problem.message()).contains(message);
      assertThat(problem.remedy()).isNotBlank();
    }

    @Test
    void nestedMarkersMustBeQuoted() {
      assertThat(problem("${a ${b} }").message())
          .startsWith("nested CEL expressions must be quoted");
    }

    @Test
    void aKeyMustBeText() {
      var problem = problem(template(Yaml.value("{'${parameters.n}': 1}"), "{repo: {url: u}}"));

      assertThat(problem.message()).isEqualTo("a map key must evaluate to string, got int");
    }

    @Test
    void everyProblemOfARunIsToldAtOnce() {
      var outcome = RENDERER.render(
          template(Yaml.value("['${a}', '${parameters.b}', ok]"), "{repo: {url: u}}"));

      assertThat(outcome)
          .asInstanceOf(type(RenderOutcome.Failed.class))
          .extracting(
              failed -> failed.problems().stream().map(RenderProblem::where).toList())
          .isEqualTo(List.of("spec.runTemplate.spec.x[0]", "spec.runTemplate.spec.x[1]"));
    }

    @Test
    void aLoopWithoutEndIsStopped() {
      var lists = "lists.range(1000)";

      assertThat(problem("${" + lists + ".all(a, " + lists + ".all(b, a + b >= 0))}")
              .remedy())
          .contains("more steps than allowed");
    }

    @Test
    void invalidParametersAreToldWithTheirPathInTheRun() {
      var problem = problem(request(WORKFLOW, "{repo: {url: 3}}"));

      assertThat(problem.code()).isEqualTo(RenderProblem.Code.PARAMETER_INVALID);
      assertThat(problem.where()).isEqualTo("spec.workflow.parameters.repo.url");
      assertThat(problem.summary())
          .isEqualTo(
              "spec.workflow.parameters.repo.url: Invalid value: \"integer\": repo.url in body must be of type string:"
                  + " \"integer\"; start a run with a value that fits the Workflow's schema");
    }

    @Test
    void aBrokenSchemaIsToldBeforeAnythingElse() {
      assertThat(problem(request(WORKFLOW.replace("n: integer", "n: intger"), "{}"))
              .code())
          .isEqualTo(RenderProblem.Code.SCHEMA_INVALID);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '!', textBlock = """
        serviceAccountName: workflow-sa ! serviceAccountName: '' ! spec.runTemplate.spec.serviceAccountName
        kind: Workflow                  ! kind: ''               ! spec.runTemplate.kind
        '${metadata.workflowRunName}'   ! ''                     ! spec.runTemplate.metadata.name
        '${metadata.namespace}'         ! ''                     ! spec.runTemplate.metadata.namespace
        """)
    void theRunNeedsItsBasics(String what, String by, String where) {
      var workflow = WORKFLOW.replace(what, by);

      assertThat(problem(request(workflow, "{repo: {url: u}}")).where()).isEqualTo(where);
    }

    @Test
    void unknownParametersAreAWarning() {
      assertThat(RENDERER.render(request(WORKFLOW, "{repo: {url: u, brnch: x}}")))
          .asInstanceOf(type(RenderOutcome.Rendered.class))
          .extracting(RenderOutcome.Rendered::warnings)
          .isEqualTo(List.of("parameter repo.brnch is not in the Workflow's schema"));
    }
  }

  @Nested
  class PostProcessing {
    @Test
    void argumentsBecomeText() {
      var workflow = WORKFLOW + """
              arguments:
                parameters:
                  - {name: i, value: '${parameters.n}'}
                  - {name: big, value: 12345678}
                  - {name: d, value: '${parameters.ratio}'}
                  - {name: b, value: '${parameters.debug}'}
                  - {name: l, value: '${parameters.args}'}
                  - {name: m, value: '${parameters.env}'}
                  - {name: t, value: '["text"]'}
                  - {name: none}
                  - {name: nil, value: '${null}'}
              templates:
                - name: t
                  steps: [[{name: s, arguments: {parameters: [{name: a, value: '${parameters.args}'}]}}]]
          """;
      var outcome = RENDERER.render(request(workflow, "{repo: {url: u}}"));

      assertThat(outcome).isInstanceOf(RenderOutcome.Rendered.class);
      var rendered = (RenderOutcome.Rendered) outcome;
      assertThat(rendered.run().at("/spec/arguments/parameters")).isEqualTo(Yaml.value("""
          - {name: i, value: '3'}
          - {name: big, value: '12345678'}
          - {name: d, value: '0.5'}
          - {name: b, value: 'false'}
          - {name: l, value: '["a","b"]'}
          - {name: m, value: '{"K":"v"}'}
          - {name: t, value: '["text"]'}
          - {name: none}
          - {name: nil}
          """));
      assertThat(rendered
              .run()
              .at("/spec/templates/0/steps/0/0/arguments/parameters/0/value")
              .textValue())
          .isEqualTo("[\"a\",\"b\"]");
      assertThat(rendered.warnings())
          .containsExactly(
              "spec.runTemplate.spec.arguments.parameters[8].value is null and was left out");
    }

    @Test
    void textThatLooksLikeAListStaysTextAndValueMapsBecomeText() {
      var template =
          Yaml.value("{args: ['[\"a\"]'], value: {a: 1}, list: {value: '${parameters.args}'}}");

      assertThat(rendered(template, "{repo: {url: u}}"))
          .isEqualTo(Yaml.value("{args: ['[\"a\"]'], value: '{\"a\":1}', list: {value: [a, b]}}"));
    }
  }

  @Nested
  class Resources {
    private static final String SECRET = """
        resources:
          - id: git
            includeWhen: ${WHEN}
            template:
              apiVersion: external-secrets.io/v1
              kind: ExternalSecret
              metadata: {name: '${NAME}', namespace: '${metadata.namespace}'}
              spec:
                data: |
                  ${externalRefs['git-secret'].spec.data.map(d, {'secretKey': d.secretKey, 'remoteRef': {'key': d.remoteRef.key,
                    'property': has(d.remoteRef.property) ? d.remoteRef.property : oc_omit()}})}
        """;

    private static RenderOutcome render(
        String when, String name, String parameters, Map<String, JsonNode> refs) {
      var workflow = WORKFLOW + SECRET.replace("${WHEN}", when).replace("${NAME}", name);
      return RENDERER.render(request(workflow, parameters).withExternalRefs(refs));
    }

    private static final Map<String, JsonNode> REFS = Map.of(
        "git-secret",
        Yaml.value(
            "{data: [{secretKey: k, remoteRef: {key: r}}, {secretKey: l, remoteRef: {key: s, property: p}}]}"));

    @Test
    void areRenderedFromTheReferences() {
      var outcome = render(
          "\"${parameters.repo.secretRef != ''}\"",
          "${metadata.workflowRunName}-git",
          "{repo: {url: u, secretRef: s}}",
          REFS);

      assertThat(outcome).isInstanceOf(RenderOutcome.Rendered.class);
      var resource = ((RenderOutcome.Rendered) outcome).resources().getFirst();
      assertThat(resource.id()).isEqualTo("git");
      assertThat(resource.object().at("/spec/data"))
          .isEqualTo(
              Yaml.value(
                  "[{secretKey: k, remoteRef: {key: r}}, {secretKey: l, remoteRef: {key: s, property: p}}]"));
    }

    @Test
    void areLeftOutWhenTheirConditionIsFalse() {
      var outcome =
          render("\"${parameters.repo.secretRef != ''}\"", "x", "{repo: {url: u}}", Map.of());

      assertThat(outcome)
          .asInstanceOf(type(RenderOutcome.Rendered.class))
          .extracting(RenderOutcome.Rendered::resources)
          .isEqualTo(List.of());
    }

    @Test
    void aReferenceThatIsNotThereIsAProblemWithAdvice() {
      var outcome = render("\"${true}\"", "x", "{repo: {url: u}}", Map.of());

      assertThat(((RenderOutcome.Failed) outcome).problems().getFirst().remedy())
          .contains("includeWhen");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '!', quoteCharacter = '`', textBlock = """
        "true"                ! includeWhen must evaluate to boolean, got string
        "${parameters.n}"     ! includeWhen must evaluate to boolean, got int
        "${parameters.nope}"  ! no such key: nope
        """)
    void theConditionMustBeABoolean(String when, String message) {
      var outcome = render(when, "x", "{repo: {url: u}}", REFS);

      assertThat(((RenderOutcome.Failed) outcome).problems().getFirst().message())
          .isEqualTo(message);
    }

    @Test
    void aNameThatStartsWithADashSkipsTheResource() {
      var outcome = render("\"${true}\"", "-x", "{repo: {url: u}}", REFS);

      assertThat(((RenderOutcome.Rendered) outcome).resources()).isEmpty();
      assertThat(((RenderOutcome.Rendered) outcome).warnings()).hasSize(1);
    }
  }

  @Nested
  class References {
    @Test
    void namesAreRenderedFromMetadataAndParameters() {
      assertThat(RENDERER.externalRefNames(request(WORKFLOW, "{repo: {url: u, secretRef: creds}}")))
          .isEqualTo(new ExternalRefNames.Names(Map.of("git-secret", "creds")));
    }

    @Test
    void emptyNamesAreSkipped() {
      assertThat(RENDERER.externalRefNames(request(WORKFLOW, "{repo: {url: u}}")))
          .isEqualTo(new ExternalRefNames.Names(Map.of()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"${parameters.n}", "${parameters.nope}", "${externalRefs}"})
    void otherNamesAreProblems(String name) {
      var workflow = WORKFLOW.replace("${parameters.repo.secretRef}", name);

      assertThat(RENDERER.externalRefNames(request(workflow, "{repo: {url: u}}")))
          .isInstanceOf(ExternalRefNames.Failed.class);
    }
  }
}
