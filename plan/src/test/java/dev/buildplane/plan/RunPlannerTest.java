package dev.buildplane.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.RunConditions.Reason;
import dev.buildplane.model.WorkflowRunStatus.Output;
import dev.buildplane.model.WorkflowRunStatus.PinnedPlane;
import dev.buildplane.model.WorkflowRunStatus.Task;
import dev.buildplane.plan.RunObserved.PlaneLookup;
import dev.buildplane.plan.RunObserved.Recipe;
import dev.buildplane.plan.RunObserved.Rendering;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class RunPlannerTest {
  private static final String DONE = """
      b: {type: Pod, name: 'greeter-1[1].generate-workload-cr', displayName: generate-workload-cr, phase: Succeeded,
          startedAt: '2026-03-01T12:00:02Z', finishedAt: '2026-03-01T12:00:03Z',
          outputs: {parameters: [{name: workload-cr, value: "apiVersion: openchoreo.dev/v1alpha1\\nkind: Workload\\nmetadata: {name: greeter, namespace: elsewhere}\\nspec: {owner: {projectName: shop, componentName: greeter}}"}]}}
      a: {type: Pod, name: 'greeter-1[0].build', displayName: build, phase: Succeeded,
          startedAt: '2026-03-01T12:00:01Z', outputs: {parameters: [{name: image, value: 'sha256:1'}]}}
      s: {type: Steps, name: greeter-1, phase: Succeeded}
      """;

  private final RunWorld world = new RunWorld();

  private void submitted() {
    world.pass();
    assertThat(world.brief("Submitted")).isEqualTo("True Submitted");
  }

  @Nested
  class Starting {
    @Test
    void aRunIsPinnedPreparedAndSubmittedInOnePass() {
      submitted();
      assertThat(world.recorded.buildPlane())
          .isEqualTo(
              new PinnedPlane("ClusterBuildPlane", null, "shared-buildplane", "shared-builder"));
      assertThat(world.objects.keySet())
          .containsExactlyInAnyOrder(
              "Namespace/openchoreo-ci-team",
              "ServiceAccount/workflow-sa",
              "Role/workflow-sa-role",
              "RoleBinding/workflow-sa-role-binding",
              "ConfigMap/greeter-1-settings",
              "Workflow/greeter-1");
      assertThat(world.recorded.runReference().name()).isEqualTo("greeter-1");
      assertThat(world.recorded.resources()).hasSize(1);
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False WorkflowPending");
      assertThat(world.message("WorkflowCompleted")).isEqualTo("Workflow has not completed yet");
      assertThat(world.recorded.phase()).isEqualTo("Pending");
      assertThat(world.recorded.startedAt()).isEqualTo("2026-03-01T12:00:00Z");
    }

    @Test
    void whatIsMadeInThePlaneIsMarkedWithTheRun() {
      submitted();
      var labels = world.objects.get("Workflow/greeter-1").at("/metadata/labels");
      assertThat(labels.path("openchoreo.dev/workflowrun").asText()).isEqualTo("greeter-1");
      assertThat(labels.path("openchoreo.dev/workflowrun-namespace").asText()).isEqualTo("team");
      assertThat(labels.path("openchoreo.dev/managed-by").asText())
          .isEqualTo("workflowrun-controller");
      assertThat(labels.path(Api.RUN_UID).asText()).isEqualTo(RunWorld.UID);
    }

    @Test
    void aSecondPassDoesNothing() {
      submitted();
      assertThat(world.pass().actions()).isEmpty();
    }

    @Test
    void aMissingWorkflowIsTold() {
      world.recipe = new Recipe.Missing("greeter");
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False WorkflowNotFound");
      assertThat(world.message("WorkflowCompleted"))
          .contains("'greeter'")
          .contains("namespace team");
      assertThat(world.events).containsExactly("Warning WorkflowNotFound");
    }

    @Test
    void noPlaneIsToldInTheWordsOfV017WithARemedy() {
      world.plane = new PlaneLookup.None();
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False BuildPlaneNotFound");
      assertThat(world.message("WorkflowCompleted"))
          .startsWith("No build plane found for the project associated with this workflow run")
          .contains("ClusterBuildPlane 'default'");
    }

    @Test
    void aPlaneThatIsNamedButMissingIsTold() {
      world.plane = new PlaneLookup.Missing(new PlaneRef(PlaneKind.BUILD, "team", "ci"));
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False BuildPlaneResolutionFailed");
      assertThat(world.message("WorkflowCompleted"))
          .startsWith("Failed to resolve build plane: BuildPlane 'ci'");
    }

    @Test
    void aPlaneThatIsNotReadyIsPinnedAndWaitedFor() {
      world.plane = RunWorld.unready();
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False BuildPlaneNotReady");
      assertThat(world.message("WorkflowCompleted")).contains("NoAgentConnected: no agent");
      assertThat(world.recorded.buildPlane()).isNotNull();
      assertThat(world.objects).isEmpty();
      world.plane = RunWorld.ready();
      submitted();
    }

    @Test
    void aRefusedTemplateIsTold() {
      world.rendering =
          new Rendering.Refused(Reason.INVALID_PARAMETERS, "parameters.repo.url is required");
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False InvalidParameters");
      assertThat(world.message("WorkflowCompleted")).isEqualTo("parameters.repo.url is required");
      assertThat(world.objects).isEmpty();
    }

    @Test
    void aNameTooLongForALabelIsTold() {
      world.name = "a".repeat(64);
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False InvalidRunName");
    }

    @Test
    void theTimeToLiveOfTheWorkflowIsTakenOver() {
      world.recipe = new Recipe.Found("1h");
      world.pass();
      assertThat(world.spec.ttlAfterCompletion()).isEqualTo("1h");
    }

    @Test
    void anObjectOfTheSameNameThatIsNotOursIsAConflictAndStaysUntouched() {
      world.objects.put(
          "Workflow/greeter-1",
          RunWorld.yaml(
              "metadata: {name: greeter-1, annotations: {openchoreo.dev/workflowrun-uid: other}}"));
      var before = world.objects.get("Workflow/greeter-1").deepCopy();
      world.pass();
      world.pass();
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("False NameConflict");
      assertThat(world.message("WorkflowCompleted")).contains("other").contains("another name");
      assertThat(world.objects.get("Workflow/greeter-1")).isEqualTo(before);
      assertThat(world.brief("Submitted")).isEqualTo("absent");
    }

    @Test
    void anObjectOfOursIsAdopted() {
      world.pass(7); // dies right after the Argo Workflow came into being
      assertThat(world.created).isEqualTo(1);
      world
          .recorded
          .conditions()
          .forEach(condition -> assertThat(condition.type()).isNotEqualTo("Submitted"));
      submitted();
      assertThat(world.created).isEqualTo(1);
    }
  }

  @Nested
  class Running {
    @Test
    void phasesAreMirroredInTheWordsOfV017() {
      submitted();
      world.engine("Running", "");
      world.pass();
      assertThat(world.brief("WorkflowRunning")).isEqualTo("True WorkflowRunning");
      assertThat(world.message("WorkflowRunning")).isEqualTo("Argo Workflow is running");
      assertThat(world.recorded.phase()).isEqualTo("Running");

      world.engine("Succeeded", "");
      world.passes(Duration.ofMinutes(1));
      world.pass();
      assertThat(world.brief("WorkflowRunning")).isEqualTo("False WorkflowRunning");
      assertThat(world.message("WorkflowRunning")).isEqualTo("Argo Workflow running has completed");
      assertThat(world.brief("WorkflowSucceeded")).isEqualTo("True WorkflowSucceeded");
      assertThat(world.message("WorkflowCompleted"))
          .isEqualTo("Workflow has completed successfully");
      assertThat(world.recorded.completedAt()).isEqualTo("2026-03-01T12:01:00Z");
      assertThat(world.recorded.phase()).isEqualTo("Succeeded");
    }

    @Test
    void aFailureNamesTheStepThatFailed() {
      submitted();
      world.engine(
          "Failed",
          "a: {type: Pod, name: 'x[0].test', displayName: test, phase: Failed, message: exit code 3}");
      world.pass();
      assertThat(world.brief("WorkflowFailed")).isEqualTo("True WorkflowFailed");
      assertThat(world.message("WorkflowFailed"))
          .isEqualTo("Workflow execution failed: step 'test' failed: exit code 3");
      assertThat(world.message("WorkflowCompleted"))
          .isEqualTo("Workflow has completed with failure");
      assertThat(world.recorded.phase()).isEqualTo("Failed");
    }

    @Test
    void tasksAreInOrderWithTheirOutputs() {
      submitted();
      world.engine("Running", DONE);
      world.pass();
      assertThat(world.recorded.tasks())
          .containsExactly(
              new Task(
                  "build",
                  "Succeeded",
                  "2026-03-01T12:00:01Z",
                  null,
                  null,
                  List.of(new Output("image", "sha256:1"))),
              new Task(
                  "generate-workload-cr",
                  "Succeeded",
                  "2026-03-01T12:00:02Z",
                  "2026-03-01T12:00:03Z",
                  null,
                  List.of()));
    }

    @Test
    void aVanishedArgoWorkflowEndsTheRun() {
      submitted();
      world.objects.remove("Workflow/greeter-1");
      world.pass();
      assertThat(world.message("WorkflowRunning"))
          .isEqualTo("Workflow is not found in the cluster");
      assertThat(world.message("WorkflowCompleted"))
          .isEqualTo("Workflow has been deleted from the cluster");
      assertThat(world.recorded.phase()).isEqualTo("Failed");
      assertThat(world.created).isEqualTo(1);
    }

    @Test
    void aPlaneThatDropsOffLeavesTheRunRunningUntilItReturns() {
      submitted();
      world.engine("Running", "");
      world.pass();
      world.reachable = false;
      world.pass();
      assertThat(world.brief("PlaneDisconnected")).isEqualTo("True PlaneDisconnected");
      assertThat(world.recorded.phase()).isEqualTo("Running");
      world.reachable = true;
      world.engine("Succeeded", "");
      world.pass();
      assertThat(world.brief("PlaneDisconnected")).isEqualTo("False PlaneConnected");
      assertThat(world.recorded.phase()).isEqualTo("Succeeded");
    }

    @Test
    void aDeletedPlaneEndsTheRun() {
      submitted();
      world.reachable = false;
      world.plane = new PlaneLookup.Missing(RunWorld.PLANE);
      world.pass();
      assertThat(world.recorded.phase()).isEqualTo("Failed");
      assertThat(world.message("WorkflowFailed")).contains("shared-buildplane");
    }
  }

  @Nested
  class Cancelling {
    @Test
    void aRunThatHasNotStartedEndsAtOnce() {
      world.plane = RunWorld.unready();
      world.pass();
      world.cancelled = true;
      world.pass();
      assertThat(world.recorded.phase()).isEqualTo("Cancelled");
      assertThat(world.brief("WorkflowCompleted")).isEqualTo("True WorkflowCancelled");
    }

    @Test
    void aRunningOneIsTerminatedAndEndsWhenTheEngineSaysSo() {
      submitted();
      world.engine("Running", "");
      world.cancelled = true;
      world.pass();
      assertThat(world.objects.get("Workflow/greeter-1").at("/spec/shutdown").asText())
          .isEqualTo("Terminate");
      assertThat(world.recorded.phase()).isEqualTo("Running");
      world.engine("Failed", "");
      world.pass();
      assertThat(world.recorded.phase()).isEqualTo("Cancelled");
    }

    @Test
    void aRunThatHasEndedIsNotChangedByIt() {
      submitted();
      world.engine("Succeeded", "");
      world.pass();
      world.cancelled = true;
      assertThat(world.pass().actions()).isEmpty();
    }
  }

  @Nested
  class AfterTheEnd {
    @Test
    void theWorkloadIsWrittenIntoTheRunsNamespace() {
      submitted();
      world.engine("Succeeded", DONE);
      world.pass();
      world.pass();
      assertThat(world.workloads).hasSize(1);
      assertThat(world.workloads.getFirst().at("/metadata/namespace").asText()).isEqualTo("team");
      assertThat(world.brief("WorkloadUpdated")).isEqualTo("True WorkloadUpdated");
      assertThat(world.message("WorkloadUpdated"))
          .isEqualTo("Workload CR created/updated successfully");
      assertThat(world.pass().actions()).isEmpty();
    }

    @Test
    void aWorkloadOfAnotherComponentIsRefused() {
      world.labels = java.util.Map.of(Api.COMPONENT, "payments");
      submitted();
      world.engine("Succeeded", DONE);
      world.pass();
      world.pass();
      assertThat(world.workloads).isEmpty();
      assertThat(world.brief("WorkloadUpdated")).isEqualTo("False WorkloadUpdateFailed");
      assertThat(world.message("WorkloadUpdated")).contains("payments").contains("greeter");
    }

    @Test
    void theTimeToLiveNeverSwallowsTheWorkload() {
      world.recipe = new Recipe.Found("1s");
      submitted();
      world.engine("Succeeded", DONE);
      world.reachable = true;
      world.pass();
      world.passes(Duration.ofHours(1));
      world.reachable = false;
      world.pass();
      assertThat(world.runDeleted).isFalse();
      world.reachable = true;
      world.pass();
      assertThat(world.workloads).hasSize(1);
      world.pass();
      assertThat(world.runDeleted).isTrue();
    }

    @Test
    void aFinishedRunGoesWhenItsTimeIsUp() {
      world.recipe = new Recipe.Found("1h30m");
      submitted();
      world.engine("Succeeded", "");
      world.pass();
      assertThat(world.pass().recheck()).contains(Duration.ofMinutes(90));
      world.passes(Duration.ofMinutes(90));
      world.pass();
      assertThat(world.runDeleted).isTrue();
    }
  }

  @Nested
  class Deletion {
    @Test
    void whatTheRunMadeGoesWithIt() {
      submitted();
      world.deleting = true;
      world.pass();
      assertThat(world.objects)
          .doesNotContainKeys("Workflow/greeter-1", "ConfigMap/greeter-1-settings");
      assertThat(world.finalizerRemoved).isTrue();
    }

    @Test
    void anOfflinePlaneHoldsItAndSaysSo() {
      submitted();
      world.deleting = true;
      world.reachable = false;
      world.pass();
      assertThat(world.finalizerRemoved).isFalse();
      assertThat(world.message("CleanupBlocked")).contains("force-delete");
      world.abandon = true;
      world.pass();
      assertThat(world.finalizerRemoved).isTrue();
    }

    @Test
    void aRunWithoutTracesOrWithoutPlaneGoesAtOnce() {
      world.deleting = true;
      world.pass();
      assertThat(world.finalizerRemoved).isTrue();
    }
  }
}
