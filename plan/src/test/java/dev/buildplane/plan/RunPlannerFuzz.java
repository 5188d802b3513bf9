package dev.buildplane.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.WorkflowRunStatus;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Walks runs through random lives: passes that die after any action, planes that drop off, engines that move on, people who
/// cancel and delete. Laws: one-run-one-workflow, terminal-is-final, planning is idempotent, every life converges.
class RunPlannerFuzz {
  private static final int LIVES = 1_000;
  private static final int STEPS = 40;

  @Test
  void everyLifeKeepsTheLaws() {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("RunPlannerFuzz seed " + seed);
    var random = new Random(seed);
    for (int life = 0; life < LIVES; life++) {
      live(random);
    }
  }

  private static void live(Random random) {
    var world = new RunWorld();
    for (int step = 0; step < STEPS; step++) {
      var before = world.recorded;
      happen(world, random);
      world.pass(random.nextInt(4) == 0 ? random.nextInt(12) : Integer.MAX_VALUE);
      assertThat(world.created).as("one-run-one-workflow").isLessThanOrEqualTo(1);
      terminalIsFinal(before, world.recorded);
    }
    converge(world);
  }

  private static void happen(RunWorld world, Random random) {
    switch (random.nextInt(12)) {
      case 0 -> world.reachable = !world.reachable;
      case 1 -> world.plane = random.nextBoolean() ? RunWorld.ready() : RunWorld.unready();
      case 2 -> engine(world, "Running");
      case 3 -> engine(world, random.nextBoolean() ? "Succeeded" : "Failed");
      case 4 -> world.cancelled |= random.nextInt(8) == 0;
      case 5 -> world.passes(Duration.ofSeconds(random.nextInt(300)));
      default -> {}
    }
  }

  private static void engine(RunWorld world, String phase) {
    var workflow = world.objects.get("Workflow/greeter-1");
    var now = workflow == null ? "" : workflow.at("/status/phase").asText("");
    if (workflow != null && !now.equals("Succeeded") && !now.equals("Failed")) {
      world.engine(phase, "");
    }
  }

  private static void terminalIsFinal(WorkflowRunStatus before, WorkflowRunStatus after) {
    if (RunPlanner.ended(before)) {
      assertThat(after.phase()).as("terminal-is-final").isEqualTo(before.phase());
      assertThat(after.completedAt()).isEqualTo(before.completedAt());
    }
  }

  private static void converge(RunWorld world) {
    world.reachable = true;
    world.plane = RunWorld.ready();
    world.pass();
    engine(world, "Succeeded");
    world.pass();
    world.pass();
    assertThat(RunPlanner.ended(world.recorded)).isTrue();
    assertThat(world.pass().actions()).as("idempotence").isEmpty();
  }
}
