package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AgentRegistryFuzz {
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final String REPLICA = "https://a";
  private static final int STEPS = 20_000;
  private static final int CONNECTIONS = 12;
  private static final List<String> PLANE_IDS = List.of("p", "q", "r");
  private static final List<PlaneRef> RESOURCES = IntStream.range(0, 5)
      .mapToObj(i -> new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "plane-" + i))
      .toList();

  /// What a connection may serve, without any index.
  private record Model(String planeID, Set<String> keys) {}

  private final long seed = Long.getLong("seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final AgentRegistry registry = new AgentRegistry(NOON, Duration.ofSeconds(30));
  private final Map<String, Model> model = new HashMap<>();

  @Test
  void whatAPlaneSeesIsWhatTheConnectionsSay() {
    System.out.println("AgentRegistryFuzz: -Dseed=" + seed);
    registry.retain(Set.of(REPLICA), NOON);
    registry.apply(REPLICA, new GatewayEvent.Synced("r"), NOON);
    for (int step = 0; step < STEPS; step++) {
      move(NOON.plusSeconds(step));
      check();
    }
  }

  private void move(Instant now) {
    var id = "c" + random.nextInt(CONNECTIONS);
    if (random.nextInt(3) == 0) {
      model.remove(id);
      registry.apply(REPLICA, new GatewayEvent.Disconnected(id, now), now);
      return;
    }
    var planeID = PLANE_IDS.get(random.nextInt(PLANE_IDS.size()));
    var keys = RESOURCES.stream()
        .map(PlaneRef::key)
        .filter(_ -> random.nextBoolean())
        .collect(Collectors.toCollection(HashSet::new));
    model.put(id, new Model(planeID, keys));
    registry.apply(
        REPLICA,
        new GatewayEvent.Connection(
            id, id, "buildplane", planeID, keys, now, now, Optional.empty(), List.of(), true),
        now);
  }

  private void check() {
    for (var ref : RESOURCES) {
      for (var planeID : PLANE_IDS) {
        var known = (Agents.Known) registry.agents(ref, planeID);
        assertThat(known.authorised().stream().map(Agent::connectionID))
            .containsExactlyInAnyOrderElementsOf(serving(ref));
        assertThat(known.others())
            .isEqualTo(model.values().stream()
                .filter(one -> one.planeID().equals(planeID) && !one.keys().contains(ref.key()))
                .count());
      }
    }
  }

  private Set<String> serving(PlaneRef ref) {
    return model.entrySet().stream()
        .filter(one -> one.getValue().keys().contains(ref.key()))
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }
}
