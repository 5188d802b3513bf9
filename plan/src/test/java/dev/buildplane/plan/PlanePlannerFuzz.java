package dev.buildplane.plan;

import static dev.buildplane.plan.PlaneWorld.NOON;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.ClientCA;
import dev.buildplane.plan.PlaneObserved.Observability;
import dev.buildplane.plan.PlaneObserved.Rejection;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Random worlds, one after the other, for every kind. Laws: planning is idempotent, Ready is True exactly when everything
/// holds, observedGeneration is the generation, transition times never run backwards.
class PlanePlannerFuzz {
  private static final int STEPS = 1_000;

  @Test
  void everyWorldKeepsTheLaws() {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("PlanePlannerFuzz seed " + seed);
    var random = new Random(seed);
    for (var kind : PlaneKind.values()) {
      var world = PlaneWorld.fine(kind);
      for (int step = 0; step < STEPS; step++) {
        world =
            world.after(Duration.ofMillis(random.nextInt(40_000)), next -> change(next, random));
        laws(world);
      }
    }
  }

  private static void laws(PlaneWorld world) {
    var status = world.status();
    assertThat(world.withRecorded(status).plan().actions()).as("idempotence").isEmpty();
    assertThat(world.withRecorded(shared(status)).plan().actions())
        .as("idempotence beside another writer")
        .isEmpty();
    assertThat(status.observedGeneration()).isEqualTo(world.generation());
    var ready = status.condition("Ready").orElseThrow();
    boolean allHold = status.conditions().stream()
        .filter(condition -> !condition.type().equals("Ready"))
        .filter(condition -> !condition.type().equals("CertificatesCurrent"))
        .allMatch(Condition::holds);
    assertThat(ready.holds()).isEqualTo(allHold);
    for (var condition : status.conditions()) {
      assertThat(condition.message()).isNotBlank();
      assertThat(condition.lastTransitionTime()).isLessThanOrEqualTo(Conditions.text(world.now()));
    }
  }

  /// The status as it is stored when another writer has added a condition and the order is the store's.
  private static PlaneStatus shared(PlaneStatus status) {
    var conditions = new ArrayList<>(status.conditions().reversed());
    conditions.add(
        1,
        new Condition(
            "Audited", Condition.Status.FALSE, "Pending", "not yet", "2026-01-01T00:00:00Z", 1L));
    return new PlaneStatus(
        status.observedGeneration(), status.planeID(), conditions, status.agentConnection());
  }

  private static PlaneWorld change(PlaneWorld world, Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> world.withAgents(agents(world, random));
      case 1 -> world.withCa(ca(random));
      case 2 -> world.withStore(store(random));
      case 3 ->
        world.withObservability(
            random.nextBoolean()
                ? new Observability.NotConfigured()
                : new Observability.Missing(
                    new PlaneRef(PlaneKind.CLUSTER_OBSERVABILITY, null, "main")));
      case 4 -> world.withGeneration(world.generation() + 1);
      default -> world;
    };
  }

  private static Agents agents(PlaneWorld world, Random random) {
    if (random.nextInt(4) == 0) {
      return new Agents.Silent(world.now().minusSeconds(random.nextInt(30)), "closed");
    }
    var list = IntStream.range(0, random.nextInt(3))
        .mapToObj(i -> new Agent(
            "c" + i,
            world.now().minusSeconds(random.nextInt(99)),
            world.now(),
            random.nextBoolean()
                ? Optional.of(world.now().plusSeconds(random.nextInt(5_000_000)))
                : Optional.empty()))
        .toList();
    return new Agents.Known(
        list,
        random.nextInt(2),
        random.nextBoolean() ? Optional.of(world.now()) : Optional.empty(),
        random.nextBoolean()
            ? Optional.of(new Rejection(world.now(), "no", "CN=x"))
            : Optional.empty(),
        world.now().minusSeconds(random.nextInt(60)));
  }

  private static ClientCA ca(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> new ClientCA.SecretMissing("system", "ca");
      case 1 -> new ClientCA.KeyMissing("system", "ca", "ca.crt", List.of());
      case 2 -> new ClientCA.Unreadable("text");
      default ->
        new ClientCA.Certificates(List.of(
            PlaneWorld.YEAR,
            new PlaneObserved.Validity("CN=b", NOON, NOON.plusSeconds(random.nextInt(1_000_000)))));
    };
  }

  private static SecretStore store(Random random) {
    return switch (random.nextInt(5)) {
      case 0 -> new SecretStore.NotConfigured();
      case 1 -> new SecretStore.Disconnected();
      case 2 -> new SecretStore.Pending();
      case 3 -> new SecretStore.Missing("vault");
      default -> new SecretStore.Found("vault", random.nextBoolean(), "sealed");
    };
  }
}
