package dev.buildplane.runner;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineTest {
  private static final String TWO_STEPS = """
      spec:
        entrypoint: main
        arguments: {parameters: [{name: word, value: hello}]}
        volumeClaimTemplates: [{metadata: {name: scratch}}]
        templates:
          - name: main
            steps:
              - - {name: write, template: writer}
              - - name: read
                  template: reader
                  arguments: {parameters: [{name: sum, value: '{{steps.write.outputs.parameters.sum}}'}]}
          - name: writer
            volumes: [{name: token, secret: {secretName: 's-{{workflow.parameters.word}}', optional: true}}]
            container: {image: 'alpine:3', command: [sh, -c], args: ['echo {{workflow.parameters.word}} {{.Host.X}} {{ .a | b }}']}
            outputs: {parameters: [{name: sum, valueFrom: {path: /tmp/sum}}]}
          - name: reader
            inputs: {parameters: [{name: sum}]}
            container: {image: 'alpine:3', command: [sh, -c], args: ['echo {{inputs.parameters.sum}}']}
      """;

  @Nested
  class Steps {
    @Test
    void theFirstGroupStartsAtOnceAndLaterOnesHaveNoNodes() {
      var run = new Workflows(TWO_STEPS);
      assertThat(run.started()).containsExactly("demo-1[0].write");
      assertThat(run.phase()).isEqualTo("Running");
      assertThat(run.workflow.path("status").path("nodes")).hasSize(3);
    }

    @Test
    void placeholdersAreFilledAndLookAlikesLeftAlone() {
      var order = new Workflows(TWO_STEPS).order();
      assertThat(order.template().path("container").path("args").get(0).asText())
          .isEqualTo("echo hello {{.Host.X}} {{ .a | b }}");
      assertThat(order.volumes().get(0).path("secret").path("secretName").asText())
          .isEqualTo("s-hello");
      assertThat(order.claims()).containsExactly("scratch");
    }

    @Test
    void outputsReachLaterSteps() {
      var run = new Workflows(TWO_STEPS).ends("demo-1[0].write", 0, Map.of("sum", "6\n"));
      assertThat(run.started()).containsExactly("demo-1[1].read");
      assertThat(run.order().template().path("container").path("args").get(0).asText())
          .isEqualTo("echo 6\n");
    }

    @Test
    void theTreeHasArgosShape() {
      var run = new Workflows(TWO_STEPS)
          .ends("demo-1[0].write", 0, Map.of("sum", "6"))
          .ends("demo-1[1].read", 0);
      assertThat(run.phase()).isEqualTo("Succeeded");
      assertThat(run.workflow.path("status").path("progress").asText()).isEqualTo("2/2");
      assertThat(run.workflow.path("status").path("finishedAt").asText())
          .isEqualTo("2026-02-01T10:00:00Z");
      var root = run.workflow.path("status").path("nodes").path("demo-1");
      assertThat(root).isEqualTo(Workflows.yaml("""
          id: demo-1
          name: demo-1
          displayName: demo-1
          type: Steps
          phase: Succeeded
          startedAt: "2026-02-01T10:00:00Z"
          finishedAt: "2026-02-01T10:00:00Z"
          templateName: main
          templateScope: local/demo-1
          children: [%s]
          """.formatted(Nodes.id("demo-1", "demo-1[0]"))));
      var write = run.node("demo-1[0].write");
      assertThat(write.path("type").asText()).isEqualTo("Pod");
      assertThat(write.path("displayName").asText()).isEqualTo("write");
      assertThat(write.path("boundaryID").asText()).isEqualTo("demo-1");
      assertThat(write.path("outputs"))
          .isEqualTo(
              Workflows.yaml(
                  "{exitCode: '0', parameters: [{name: sum, value: '6', valueFrom: {path: /tmp/sum}}]}"));
      assertThat(write.path("children").get(0).asText()).isEqualTo(Nodes.id("demo-1", "demo-1[1]"));
      assertThat(run.node("demo-1[0]").path("children").get(0).asText())
          .isEqualTo(write.path("id").asText());
    }

    @Test
    void theFirstFailureFailsTheWorkflowAndLaterGroupsGetNoNodes() {
      var run = new Workflows(TWO_STEPS).ends("demo-1[0].write", 3);
      assertThat(run.phase("demo-1[0].write")).isEqualTo("Failed");
      assertThat(run.node("demo-1[0].write").path("message").asText())
          .isEqualTo("main: Error (exit code 3)");
      assertThat(run.phase()).isEqualTo("Failed");
      assertThat(run.message())
          .isEqualTo("child '" + Nodes.id("demo-1", "demo-1[0].write") + "' failed");
      assertThat(run.node("demo-1[1]").isMissingNode()).isTrue();
    }

    @Test
    void aMissingOutputFileIsAnErrorOfTheStep() {
      var run = new Workflows(TWO_STEPS).ends("demo-1[0].write", 0);
      assertThat(run.phase("demo-1[0].write")).isEqualTo("Error");
      assertThat(run.node("demo-1[0].write").path("message").asText())
          .isEqualTo("output parameter sum: file /tmp/sum was not written");
      assertThat(run.phase()).isEqualTo("Error");
    }

    @Test
    void decidingAgainChangesNothing() {
      var run = new Workflows(TWO_STEPS).ends("demo-1[0].write", 0, Map.of("sum", "6"));
      var before = run.workflow.deepCopy();
      run.later(5);
      assertThat(run.workflow.path("status").path("nodes").path("demo-1"))
          .isEqualTo(before.path("status").path("nodes").path("demo-1"));
      assertThat(run.phase("demo-1[1].read")).isEqualTo("Running");
      assertThat(run.started()).isEmpty();
    }

    @Test
    void aTerminalPhaseIsFinal() {
      var run = new Workflows(TWO_STEPS).ends("demo-1[0].write", 3);
      var before = run.workflow.deepCopy();
      run.ends("demo-1[0].write", 0, Map.of("sum", "6")).later(100);
      assertThat(run.workflow).isEqualTo(before);
    }

    @Test
    void aStepEvictedByAShutdownStartsAgain() {
      var run = new Workflows(TWO_STEPS);
      run.steps.put(Nodes.id("demo-1", "demo-1[0].write"), new StepState.Evicted());
      run.pass();
      assertThat(run.started()).containsExactly("demo-1[0].write");
      assertThat(run.node("demo-1[0].write").path("message").asText()).startsWith("Started again");
      assertThat(run.phase()).isEqualTo("Running");
    }

    @Test
    void aVanishedStepIsAnError() {
      var run = new Workflows(TWO_STEPS);
      run.steps.put(
          Nodes.id("demo-1", "demo-1[0].write"), new StepState.Broken("vanished", run.now));
      run.pass();
      assertThat(run.phase("demo-1[0].write")).isEqualTo("Error");
      assertThat(run.phase()).isEqualTo("Error");
    }
  }

  @Nested
  class Flow {
    private static final String PARALLEL = """
        spec:
          entrypoint: main
          templates:
            - name: main
              steps:
                - - {name: a, template: t}
                  - {name: b, template: t, when: '1 == 2'}
                  - {name: c, template: t, withItems: [x, {k: v}], arguments: {parameters: [{name: p, value: '{{item}}'}]}}
                - - {name: d, template: t, when: '{{steps.a.outputs.result}} == heads && {{steps.a.exitCode}} < 1'}
            - {name: t, inputs: {parameters: [{name: p, default: none}]}, container: {image: i, command: [echo, '{{inputs.parameters.p}}']}}
        """;

    @Test
    void theStepsOfAGroupRunSideBySide() {
      var run = new Workflows(PARALLEL);
      assertThat(run.started())
          .containsExactly("demo-1[0].a", "demo-1[0].c(0:x)", "demo-1[0].c(1:{k:v})");
      assertThat(run.phase("demo-1[0].b")).isEqualTo("Skipped");
      assertThat(run.node("demo-1[0].b").path("type").asText()).isEqualTo("Skipped");
      run.prints("demo-1[0].a", "heads").ends("demo-1[0].c(0:x)", 0);
      assertThat(run.started()).isEmpty();
      run.ends("demo-1[0].c(1:{k:v})", 0);
      assertThat(run.started()).containsExactly("demo-1[1].d");
    }

    @Test
    void parallelismBoundsWhatRuns() {
      var run =
          new Workflows(PARALLEL.replace("entrypoint: main", "entrypoint: main\n  parallelism: 1"));
      assertThat(run.started()).containsExactly("demo-1[0].a");
      run.prints("demo-1[0].a", "tails");
      assertThat(run.started()).containsExactly("demo-1[0].c(0:x)");
    }

    @Test
    void aDagStartsTasksAsTheirDependenciesAllow() {
      var run = new Workflows("""
          spec:
            entrypoint: main
            templates:
              - name: main
                dag:
                  tasks:
                    - {name: a, template: t}
                    - {name: b, template: t, dependencies: [a]}
                    - {name: c, template: t, depends: 'a.Failed'}
                    - {name: d, template: t, depends: '(b && !c.Failed) || c.Omitted'}
              - {name: t, container: {image: i, command: ['true']}}
          """);
      assertThat(run.started()).containsExactly("demo-1.a");
      run.ends("demo-1.a", 0);
      assertThat(run.phase("demo-1.c")).isEqualTo("Omitted");
      assertThat(run.node("demo-1.c").path("type").asText()).isEqualTo("Skipped");
      assertThat(run.started()).containsExactly("demo-1.b");
      run.ends("demo-1.b", 0).ends("demo-1.d", 0);
      assertThat(run.phase()).isEqualTo("Succeeded");
    }

    @Test
    void aFailedTaskStopsADag() {
      var run = new Workflows("""
          spec:
            entrypoint: main
            templates:
              - name: main
                dag: {tasks: [{name: a, template: t}, {name: b, template: t, dependencies: [a]}]}
              - {name: t, container: {image: i, command: ['true']}}
          """);
      run.ends("demo-1.a", 1);
      assertThat(run.phase()).isEqualTo("Failed");
    }

    @Test
    void retriesBackOffAndGiveUp() {
      var run = new Workflows("""
          spec:
            entrypoint: t
            templates:
              - name: t
                retryStrategy: {limit: 1, backoff: {duration: 10s}}
                container: {image: i, command: ['false']}
          """);
      assertThat(run.started()).containsExactly("demo-1(0)");
      run.ends("demo-1(0)", 1);
      assertThat(run.started()).isEmpty();
      assertThat(run.decision.wakeAt()).contains(Workflows.START.plusSeconds(10));
      run.later(10);
      assertThat(run.started()).containsExactly("demo-1(1)");
      run.ends("demo-1(1)", 1);
      assertThat(run.phase()).isEqualTo("Failed");
      assertThat(run.message()).isEqualTo("No more retries left: main: Error (exit code 1)");
    }

    @Test
    void aSecondTryCanSucceed() {
      var run = new Workflows("""
          spec:
            entrypoint: t
            templates: [{name: t, retryStrategy: {limit: '2'}, container: {image: i, command: ['false']}}]
          """);
      run.ends("demo-1(0)", 1).ends("demo-1(1)", 0);
      assertThat(run.phase()).isEqualTo("Succeeded");
    }

    @Test
    void theExitHandlerRunsAndSeesTheStatus() {
      var run = new Workflows("""
          spec:
            entrypoint: t
            onExit: bye
            templates:
              - {name: t, container: {image: i, command: ['false']}}
              - {name: bye, container: {image: i, command: [echo, '{{workflow.status}}']}}
          """);
      run.ends("demo-1", 1);
      assertThat(run.phase()).isEqualTo("Running");
      assertThat(run.order().template().path("container").path("command").get(1).asText())
          .isEqualTo("Failed");
      run.ends("demo-1.onExit", 0);
      assertThat(run.phase()).isEqualTo("Failed");
    }

    @Test
    void aDeadlineStopsWhatRunsAndStartsNothing() {
      var run = new Workflows(
          TWO_STEPS.replace("entrypoint: main", "entrypoint: main\n  activeDeadlineSeconds: 60"));
      assertThat(run.decision.wakeAt()).contains(Workflows.START.plusSeconds(60));
      run.later(60);
      var id = Nodes.id("demo-1", "demo-1[0].write");
      assertThat(run.decision.actions())
          .containsExactly(new Action.Kill(id, "Step exceeded its deadline"));
      assertThat(run.phase()).isEqualTo("Running");
      run.steps.put(id, new StepState.Killed("Step exceeded its deadline", run.now));
      run.pass();
      assertThat(run.phase()).isEqualTo("Failed");
      assertThat(run.node("demo-1[0].write").path("message").asText())
          .isEqualTo("Step exceeded its deadline");
    }

    @Test
    void aSuspendedStepGoesOnAfterItsTime() {
      var run = new Workflows("""
          spec: {entrypoint: s, templates: [{name: s, suspend: {duration: 1m}}]}
          """);
      assertThat(run.phase()).isEqualTo("Running");
      run.later(60);
      assertThat(run.phase()).isEqualTo("Succeeded");
    }

    @Test
    void theTimeToLiveDeletes() {
      var run = new Workflows("""
          spec:
            entrypoint: t
            ttlStrategy: {secondsAfterCompletion: 30}
            templates: [{name: t, container: {image: i, command: ['true']}}]
          """);
      run.ends("demo-1", 0);
      assertThat(run.decision.wakeAt()).contains(Workflows.START.plusSeconds(30));
      run.later(30);
      assertThat(run.decision.actions()).containsExactly(new Action.DeleteWorkflow());
    }
  }

  @Nested
  class ForeignTemplates {
    @Test
    void aTemplateRefSeesTheCallersParameters() {
      var run = new Workflows(
          """
          spec:
            entrypoint: main
            arguments: {parameters: [{name: word, value: hi}]}
            templates:
              - name: main
                steps: [[{name: s, templateRef: {name: lib, template: say, clusterScope: true}}]]
          """,
          Map.of(
              "cluster/lib",
              "templates: [{name: say, container: {image: i, command: [echo, '{{workflow.parameters.word}}']}}]"));
      assertThat(run.order().template().path("container").path("command").get(1).asText())
          .isEqualTo("hi");
      assertThat(run.node("demo-1[0].s").path("templateRef").path("name").asText())
          .isEqualTo("lib");
      assertThat(run.node("demo-1[0].s").path("templateScope").asText()).isEqualTo("cluster/lib");
      run.library.clear();
      run.ends("demo-1[0].s", 0);
      assertThat(run.phase()).isEqualTo("Succeeded");
    }

    @Test
    void aWorkflowTemplateRefBringsTheSpecAndItsArgumentsAreOverridden() {
      var run = new Workflows("""
          spec:
            arguments: {parameters: [{name: a, value: mine}]}
            workflowTemplateRef: {name: lib, clusterScope: true}
          """, Map.of("cluster/lib", """
              entrypoint: t
              arguments: {parameters: [{name: a}, {name: b, value: theirs}]}
              templates: [{name: t, container: {image: i, command: [echo, '{{workflow.parameters.a}} {{workflow.parameters.b}}']}}]
              """));
      assertThat(run.order().template().path("container").path("command").get(1).asText())
          .isEqualTo("mine theirs");
      assertThat(run.node("demo-1").path("phase").asText()).isEqualTo("Pending");
    }

    @Test
    void aMissingTemplateIsAnErrorThatSaysWhich() {
      var run = new Workflows("spec: {workflowTemplateRef: {name: nope, clusterScope: true}}");
      assertThat(run.phase()).isEqualTo("Error");
      assertThat(run.message()).startsWith("ClusterWorkflowTemplate \"nope\" not found");
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      spec: {entrypoint: t, x: 1, templates: []} | spec.x is not supported by this runner
      spec: {entrypoint: t, templates: [{name: t, resource: {action: get}}]} | template t.resource is not supported
      spec: {entrypoint: t, templates: [{name: t, container: {image: i, command: [a], lifecycle: {x: 1}}}]} | template t.container.lifecycle is not supported
      spec: {entrypoint: t, templates: [{name: t, inputs: {artifacts: [{name: a}]}, container: {command: [a]}}]} | template t.inputs.artifacts is not supported
      spec: {entrypoint: t, templates: [{name: t, inputs: {parameters: [{name: a}]}, container: {command: [a]}}]} | inputs.parameters.a was not supplied
      spec: {entrypoint: t, templates: [{name: t, container: {command: ['{{workflow.parameters.nope}}']}}]} | failed to resolve {{workflow.parameters.nope}}
      spec: {entrypoint: t, templates: [{name: t, container: {command: ['{{=1+1}}']}}]} | expression placeholders are not supported
      spec: {entrypoint: t, arguments: {parameters: [{name: a}]}, templates: [{name: t, container: {command: [a]}}]} | spec.arguments.parameters.a has no value
      spec: {entrypoint: u, templates: [{name: t, container: {command: [a]}}]} | template "u" not found
      spec: {templates: [{name: t, container: {command: [a]}}]} | spec.entrypoint is missing
      spec: {entrypoint: t, templates: [{name: t, container: {command: [a]}, volumes: [{name: v, nfs: {server: s}}]}]} | nfs is not supported
      """)
  void whatCannotBeDoneIsAnErrorThatSaysSo(String workflow, String message) {
    var run = new Workflows(workflow);
    assertThat(run.phase()).isEqualTo("Error");
    assertThat(run.message()).contains(message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', quoteCharacter = '`', textBlock = """
      a == a ; true
      'a b' == "a b" ; true
      2 < 10 ; true
      b < a ; false
      true && !false ; true
      (1 == 2) || 3 >= 3 ; true
      {{v}} == 'x && true' ; true
      """)
  void conditionsEvaluate(String text, boolean expected) throws StepProblem {
    assertThat(Logic.evaluate(text, word -> word.equals("{{v}}") ? "x && true" : word))
        .isEqualTo(expected);
  }

  @Test
  void idsAreFnv1a() {
    assertThat(Nodes.fnv1a("")).isEqualTo("2166136261");
    assertThat(Nodes.fnv1a("a")).isEqualTo("3826002220");
    assertThat(Nodes.fnv1a("foobar")).isEqualTo("3214735720");
  }
}
