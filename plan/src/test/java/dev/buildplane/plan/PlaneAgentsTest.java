package dev.buildplane.plan;

import static dev.buildplane.plan.PlaneWorld.CBP;
import static dev.buildplane.plan.PlaneWorld.NEXT_YEAR;
import static dev.buildplane.plan.PlaneWorld.NOON;
import static dev.buildplane.plan.PlaneWorld.YESTERDAY;
import static dev.buildplane.plan.PlaneWorld.agents;
import static dev.buildplane.plan.PlaneWorld.brief;
import static dev.buildplane.plan.PlaneWorld.condition;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.AgentConnection;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.Rejection;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/// What the planner tells of agents that come, go, and may not do what they should.
class PlaneAgentsTest {
  private final PlaneWorld connected = PlaneWorld.fine(CBP);

  @Test
  void severalAgentsReadAsHighlyAvailable() {
    assertThat(connected.withAgents(agents(2)).status().agentConnection())
        .extracting(AgentConnection::connectedAgents, AgentConnection::message)
        .containsExactly(2, "2 agents connected (HA mode)");
  }

  @Test
  void timesAreWhenItHappenedAndNotWhenItWasNoticed() {
    var went = NOON.plusSeconds(7);
    var world = connected.after(
        Duration.ofSeconds(90),
        later -> later.withAgents(
            new Agents.Known(List.of(), 0, Optional.of(went), Optional.empty(), YESTERDAY)));
    var agents = world.status().agentConnection();
    assertThat(agents)
        .isEqualTo(new AgentConnection(
            false,
            0,
            "2026-03-01T11:59:30Z",
            "2026-03-01T12:00:07Z",
            "2026-03-01T11:59:55Z",
            "No agents connected"));
    assertThat(world.events()).containsExactly("Warning NoAgentConnected", "Warning NotReady");
  }

  @Test
  void transitionTimesMoveOnlyWithTheStatus() {
    var before = connected.status();
    var world = connected.after(Duration.ofSeconds(90), later -> later.withAgents(agents(0)));
    var after = world.status();
    assertThat(condition(after, "AgentConnected").lastTransitionTime())
        .isEqualTo("2026-03-01T12:01:30Z");
    assertThat(condition(after, "ClientCAResolved").lastTransitionTime())
        .isEqualTo(condition(before, "ClientCAResolved").lastTransitionTime());
  }

  @Test
  void aHeartbeatAloneIsWrittenOncePerInterval() {
    assertThat(beat(30).plan().actions()).isEmpty();
    assertThat(beat(61).status().agentConnection().lastHeartbeatTime())
        .isEqualTo("2026-03-01T12:00:56Z");
  }

  private PlaneWorld beat(int seconds) {
    var since = NOON.minusSeconds(30);
    var seen = NOON.minusSeconds(5).plusSeconds(seconds);
    return connected.after(
        Duration.ofSeconds(seconds),
        later -> later.withAgents(new Agents.Known(
            List.of(new Agent("c0", since, seen, Optional.of(NEXT_YEAR))),
            0,
            Optional.empty(),
            Optional.empty(),
            YESTERDAY)));
  }

  @Test
  void aRestartOfOperatorOrGatewayDoesNotFlap() {
    var world = connected.after(
        Duration.ofMinutes(10),
        later -> later
            .withAgents(new Agents.Silent(later.now().minusSeconds(3), "starting"))
            .withStore(new SecretStore.Pending()));
    assertThat(world.plan().actions()).isEmpty();
    assertThat(world.plan().recheck()).contains(Duration.ofSeconds(12));
  }

  private PlaneWorld gatewayStartedAnew(Duration ago, int others) {
    return connected.after(
        Duration.ofMinutes(10),
        later -> later
            .withAgents(new Agents.Known(
                List.of(),
                others,
                Optional.of(later.now().minusSeconds(20)),
                Optional.empty(),
                later.now().minus(ago)))
            .withStore(new SecretStore.Disconnected()));
  }

  @Test
  void agentsOnTheirWayBackToAGatewayThatWasStartedAnewHaveNotGone() {
    var world = gatewayStartedAnew(Duration.ofSeconds(5), 0);
    assertThat(world.plan().actions()).isEmpty();
    assertThat(world.plan().recheck()).contains(Duration.ofSeconds(25));
  }

  @Test
  void agentsThatDoNotComeBackWentWhenTheGatewayDid() {
    var world = gatewayStartedAnew(Duration.ofSeconds(30), 0);
    assertThat(brief(world.status(), "AgentConnected")).isEqualTo("False NoAgentConnected");
    assertThat(world.status().agentConnection().connected()).isFalse();
    assertThat(world.status().agentConnection().lastDisconnectedTime())
        .isEqualTo(Conditions.text(world.now().minusSeconds(20)));
  }

  @Test
  void anAgentThatCameBackUnauthorisedIsToldAtOnce() {
    assertThat(brief(gatewayStartedAnew(Duration.ofSeconds(5), 1).status(), "AgentConnected"))
        .isEqualTo("False AgentNotAuthorized");
  }

  @Test
  void anAgentThatLeavesTheNewGatewayIsToldAtOnce() {
    var world = connected.after(
        Duration.ofMinutes(10),
        later -> later.withAgents(new Agents.Known(
            List.of(),
            0,
            Optional.of(later.now().minusSeconds(1)),
            Optional.empty(),
            later.now().minusSeconds(5))));
    assertThat(brief(world.status(), "AgentConnected")).isEqualTo("False NoAgentConnected");
  }

  @Test
  void aSilentGatewayIsUnknownAndKeepsTheLastKnowledge() {
    var world = connected.after(
        Duration.ofMinutes(10),
        later -> later.withAgents(new Agents.Silent(later.now().minusSeconds(16), "x")));
    assertThat(brief(world.status(), "AgentConnected")).isEqualTo("Unknown GatewayUnreachable");
    assertThat(brief(world.status(), "Ready")).isEqualTo("Unknown GatewayUnreachable");
    assertThat(world.status().agentConnection()).isEqualTo(connected.status().agentConnection());
  }

  @Test
  void aRejectionIsForgottenWhenNoAgentKnocksAnyMore() {
    var rejection = new Rejection(NOON.minusSeconds(10), "unknown authority", "CN=stranger");
    var world = PlaneWorld.fine(CBP)
        .withAgents(
            new Agents.Known(List.of(), 0, Optional.empty(), Optional.of(rejection), YESTERDAY));
    assertThat(world.plan().recheck()).contains(Duration.ofSeconds(80));
    assertThat(brief(world.withNow(NOON.plusSeconds(81)).status(), "AgentConnected"))
        .isEqualTo("False NoAgentConnected");
  }

  @Nested
  class AgentsLackPermissions {
    private static PlaneWorld lacking(String... permissions) {
      var agent = new Agent("c", NOON, NOON, Optional.of(NEXT_YEAR), List.of(permissions));
      return PlaneWorld.fine(CBP)
          .withAgents(
              new Agents.Known(List.of(agent), 0, Optional.empty(), Optional.empty(), YESTERDAY));
    }

    @Test
    void whatIsMissingIsAWarningThatEndsWhenItIsGranted() {
      var world = lacking("watch workflows.argoproj.io");
      assertThat(brief(world.status(), "AgentPermissions")).isEqualTo("False PermissionsMissing");
      assertThat(condition(world.status(), "AgentPermissions").message())
          .contains("may not watch workflows.argoproj.io");
      assertThat(brief(world.status(), "Ready")).isEqualTo("True Ready");
      assertThat(world.events()).contains("Warning PermissionsMissing");

      var granted = world.after(Duration.ofMinutes(1), next -> next.withAgents(agents(1)));
      assertThat(brief(granted.status(), "AgentPermissions")).isEqualTo("True Sufficient");
      assertThat(granted.events()).containsExactly("Normal AgentPermissions");
    }

    @Test
    void whatWasFoundStandsWhileNoAgentIsConnected() {
      var gone =
          lacking("get pods/log").after(Duration.ofMinutes(5), next -> next.withAgents(agents(0)));
      assertThat(brief(gone.status(), "AgentPermissions")).isEqualTo("False PermissionsMissing");
    }
  }
}
