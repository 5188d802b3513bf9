package dev.buildplane.plan;

import static dev.buildplane.plan.PlaneWorld.CBP;
import static dev.buildplane.plan.PlaneWorld.NOON;
import static dev.buildplane.plan.PlaneWorld.YESTERDAY;
import static dev.buildplane.plan.PlaneWorld.agents;
import static dev.buildplane.plan.PlaneWorld.brief;
import static dev.buildplane.plan.PlaneWorld.condition;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.ClientCA;
import dev.buildplane.plan.PlaneObserved.Validity;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What the planner tells of certificates that expire.
class PlaneCertificatesTest {
  private static final Duration DAY = Duration.ofDays(1);

  private static PlaneWorld ca(Duration left) {
    return PlaneWorld.fine(CBP)
        .withCa(new ClientCA.Certificates(
            List.of(new Validity("CN=ca", NOON.minusSeconds(1), NOON.plus(left)))));
  }

  private static PlaneWorld agent(Duration... left) {
    var list = Stream.of(left)
        .map(each -> new Agent("c" + each, NOON, NOON, Optional.of(NOON.plus(each))))
        .toList();
    return PlaneWorld.fine(CBP)
        .withAgents(new Agents.Known(list, 0, Optional.empty(), Optional.empty(), YESTERDAY));
  }

  @Test
  void aClientCAIsReportedThirtyDaysBefore() {
    var world = ca(DAY.multipliedBy(31));
    assertThat(brief(world.status(), "CertificatesCurrent")).isEqualTo("True Valid");
    assertThat(world.plan().recheck()).contains(DAY);

    var later = world.after(DAY, next -> next);
    assertThat(brief(later.status(), "CertificatesCurrent")).isEqualTo("False ClientCAExpiresSoon");
    assertThat(brief(later.status(), "ClientCAResolved")).isEqualTo("True Resolved");
    assertThat(brief(later.status(), "Ready")).as("a warning only").isEqualTo("True Ready");
    assertThat(later.events()).containsExactly("Warning ClientCAExpiresSoon");
    assertThat(later.plan().recheck()).contains(Duration.ofDays(30).plusSeconds(1));
  }

  @Test
  void aClientCAIsExpiredAtTheMomentItExpires() {
    var world = ca(DAY);
    var at = world.after(world.plan().recheck().orElseThrow(), next -> next);
    assertThat(brief(at.status(), "ClientCAResolved")).isEqualTo("False Expired");
    assertThat(brief(at.status(), "Ready")).isEqualTo("False Expired");
    assertThat(brief(at.status(), "CertificatesCurrent")).isEqualTo("Unknown ClientCANotResolved");
    assertThat(at.events()).containsExactly("Warning Expired", "Warning NotReady");
  }

  @Test
  void theNewestAgentCertificateIsReportedThirtyDaysBefore() {
    var world = agent(DAY.multipliedBy(3), DAY.multipliedBy(31));
    assertThat(brief(world.status(), "CertificatesCurrent")).isEqualTo("True Valid");
    assertThat(world.plan().recheck()).contains(DAY);

    var later = world.after(DAY, next -> next);
    assertThat(brief(later.status(), "CertificatesCurrent"))
        .isEqualTo("False AgentCertificateExpiresSoon");
    assertThat(condition(later.status(), "CertificatesCurrent").message())
        .contains(NOON.plus(DAY.multipliedBy(31)).toString());
    assertThat(brief(later.status(), "Ready")).isEqualTo("True Ready");
  }

  @Test
  void aRenewedAgentCertificateEndsTheWarning() {
    var warned = agent(DAY);
    var renewed = warned.after(Duration.ofMinutes(1), next -> next.withAgents(agents(1)));
    assertThat(renewed.events()).containsExactly("Normal CertificatesCurrent");
  }

  @Test
  void aGatewayThatDoesNotTellLeavesTheClientCA() {
    var agent = new Agent("c", NOON, NOON, Optional.empty());
    var world = PlaneWorld.fine(CBP)
        .withAgents(
            new Agents.Known(List.of(agent), 0, Optional.empty(), Optional.empty(), YESTERDAY));
    assertThat(condition(world.status(), "CertificatesCurrent").message())
        .startsWith("client CA valid until")
        .doesNotContain("agent");
  }
}
