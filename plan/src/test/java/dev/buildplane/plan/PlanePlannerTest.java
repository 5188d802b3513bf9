package dev.buildplane.plan;

import static dev.buildplane.plan.PlaneWorld.NEXT_YEAR;
import static dev.buildplane.plan.PlaneWorld.NOON;
import static dev.buildplane.plan.PlaneWorld.YESTERDAY;
import static dev.buildplane.plan.PlaneWorld.agents;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.AgentConnection;
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
import dev.buildplane.plan.PlaneObserved.Validity;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class PlanePlannerTest {
  private static final PlaneKind CBP = PlaneKind.CLUSTER_BUILD;

  private static Condition condition(PlaneStatus status, String type) {
    return status.condition(type).orElseThrow();
  }

  private static String brief(PlaneStatus status, String type) {
    var found = condition(status, type);
    return found.status().text() + " " + found.reason();
  }

  @ParameterizedTest
  @EnumSource
  void aPlaneInWhichAllHoldsIsReady(PlaneKind kind) {
    var status = PlaneWorld.fine(kind).status();
    assertThat(brief(status, "Created")).isEqualTo("True " + kind.createdReason());
    assertThat(condition(status, "Created").message()).isEqualTo(kind.createdMessage());
    assertThat(brief(status, "Ready")).isEqualTo("True Ready");
    assertThat(status.planeID()).isEqualTo("shared-builder");
    assertThat(status.observedGeneration()).isEqualTo(1);
    assertThat(status.agentConnection())
        .isEqualTo(new AgentConnection(
            true, 1, "2026-03-01T11:59:30Z", null, "2026-03-01T11:59:55Z", "1 agent connected"));
  }

  @ParameterizedTest
  @EnumSource
  void aPlaneHasTheConditionsOfItsTypeInOrder(PlaneKind kind) {
    var types = PlaneWorld.fine(kind).status().conditions().stream().map(Condition::type);
    var expected = kind.type().hasReferences()
        ? List.of(
            "Created",
            "ClientCAResolved",
            "ObservabilityResolved",
            "AgentConnected",
            "SecretStoreReady",
            "CertificatesCurrent",
            "Ready")
        : List.of("Created", "ClientCAResolved", "AgentConnected", "CertificatesCurrent", "Ready");
    assertThat(types).containsExactlyElementsOf(expected);
  }

  static Stream<Arguments> defects() {
    var missing = new PlaneRef(PlaneKind.CLUSTER_OBSERVABILITY, null, "main");
    var missingHere = new PlaneRef(PlaneKind.OBSERVABILITY, "team", "main");
    return Stream.of(
        defect(
            "ClientCAResolved",
            "False NotConfigured",
            world -> world.withCa(new ClientCA.NotConfigured())),
        defect(
            "ClientCAResolved",
            "False SecretNotFound",
            world -> world.withCa(new ClientCA.SecretMissing("system", "agent-ca"))),
        defect(
            "ClientCAResolved",
            "False KeyNotFound",
            world -> world.withCa(
                new ClientCA.KeyMissing("system", "agent-ca", "ca.crt", List.of("tls.crt")))),
        defect(
            "ClientCAResolved",
            "False InvalidCertificate",
            world -> world.withCa(new ClientCA.Unreadable("no PEM block"))),
        defect(
            "ClientCAResolved",
            "False Expired",
            world -> world.withCa(new ClientCA.Certificates(
                List.of(new Validity("CN=old", NOON.minusSeconds(100), NOON.minusSeconds(1)))))),
        defect(
            "ClientCAResolved",
            "False InvalidCertificate",
            world -> world.withCa(new ClientCA.Certificates(
                List.of(new Validity("CN=new", NOON.plusSeconds(1), NOON.plusSeconds(100)))))),
        defect(
            "ObservabilityResolved",
            "False ClusterObservabilityPlaneNotFound",
            world -> world.withObservability(new Observability.Missing(missing))),
        defect(
            "ObservabilityResolved",
            "False ObservabilityPlaneNotFound",
            world -> world.withObservability(new Observability.Missing(missingHere))),
        defect("AgentConnected", "False NoAgentConnected", world -> world.withAgents(agents(0))),
        defect(
            "AgentConnected",
            "False AgentNotAuthorized",
            world -> world.withAgents(
                new Agents.Known(List.of(), 2, Optional.empty(), Optional.empty(), YESTERDAY))),
        defect(
            "AgentConnected",
            "False AgentNotAuthorized",
            world -> world.withAgents(new Agents.Known(
                List.of(),
                0,
                Optional.empty(),
                Optional.of(
                    new Rejection(NOON.minusSeconds(10), "unknown authority", "CN=stranger")),
                YESTERDAY))),
        defect(
            "AgentConnected",
            "Unknown GatewayUnreachable",
            world ->
                world.withAgents(new Agents.Silent(NOON.minusSeconds(60), "connection refused"))),
        defect(
            "SecretStoreReady",
            "False NotFound",
            world -> world.withStore(new SecretStore.Missing("vault"))),
        defect(
            "SecretStoreReady",
            "False NotReady",
            world -> world.withStore(new SecretStore.Found("vault", false, "sealed"))),
        defect(
            "SecretStoreReady",
            "False ExternalSecretsNotInstalled",
            world -> world.withStore(new SecretStore.ApiMissing())),
        defect(
            "SecretStoreReady",
            "Unknown Probing",
            world -> world.withStore(new SecretStore.Pending())));
  }

  private static Arguments defect(String type, String brief, UnaryOperator<PlaneWorld> change) {
    return Arguments.of(type, brief, change);
  }

  @ParameterizedTest
  @MethodSource("defects")
  void whatDoesNotHoldIsToldByItsConditionAndByReady(
      String type, String brief, UnaryOperator<PlaneWorld> change) {
    var status = change.apply(PlaneWorld.fine(CBP)).status();
    assertThat(brief(status, type)).isEqualTo(brief);
    assertThat(brief(status, "Ready")).isEqualTo(brief);
    assertThat(condition(status, "Ready").message())
        .isEqualTo(condition(status, type).message());
  }

  @ParameterizedTest
  @MethodSource("defects")
  void mendingBringsThePlaneBack(String type, String brief, UnaryOperator<PlaneWorld> change) {
    var broken = change.apply(PlaneWorld.fine(CBP));
    var mended = broken.after(Duration.ofMinutes(1), world -> {
      var fine = PlaneWorld.fine(CBP);
      return world
          .withAgents(fine.agents())
          .withCa(fine.ca())
          .withStore(fine.store())
          .withObservability(fine.observability());
    });
    assertThat(brief(mended.status(), "Ready")).isEqualTo("True Ready");
    assertThat(mended.events()).contains("Normal Ready", "Normal " + type);
  }

  @ParameterizedTest
  @EnumSource
  void planningIsIdempotent(PlaneKind kind) {
    var world = PlaneWorld.fine(kind);
    var settled = world.withRecorded(world.status());
    assertThat(settled.plan().actions()).isEmpty();
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

  @Test
  void aBundleIsValidWhileOneCertificateIs() {
    var expired = new Validity("CN=old", NOON.minusSeconds(100), NOON.minusSeconds(1));
    var status = PlaneWorld.fine(CBP)
        .withCa(new ClientCA.Certificates(List.of(expired, PlaneWorld.YEAR)))
        .status();
    assertThat(brief(status, "ClientCAResolved")).isEqualTo("True Resolved");
  }

  @Nested
  class CertificatesExpire {
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
      assertThat(brief(later.status(), "CertificatesCurrent"))
          .isEqualTo("False ClientCAExpiresSoon");
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
      assertThat(brief(at.status(), "CertificatesCurrent"))
          .isEqualTo("Unknown ClientCANotResolved");
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

  @Test
  void aNameThatIsNoPlaneIDIsNotReadyAndToldWhy() {
    var status = PlaneWorld.fine(CBP).withPlaneID("ci.prod").status();
    assertThat(brief(status, "Ready")).isEqualTo("False InvalidPlaneID");
    assertThat(brief(status, "AgentConnected")).isEqualTo("False InvalidPlaneID");
    assertThat(condition(status, "Ready").message()).contains("ci.prod").contains("spec.planeID");
  }

  @Test
  void theFirstThingThatDoesNotHoldGivesReadyItsReason() {
    var status = PlaneWorld.fine(CBP)
        .withAgents(agents(0))
        .withStore(new SecretStore.Disconnected())
        .withCa(new ClientCA.SecretMissing("system", "agent-ca"))
        .status();
    assertThat(brief(status, "Ready")).isEqualTo("False SecretNotFound");
  }

  @Test
  void observedGenerationAdvancesOnEverySpecChange() {
    var world =
        PlaneWorld.fine(CBP).after(Duration.ofSeconds(5), changed -> changed.withGeneration(2));
    assertThat(world.status().observedGeneration()).isEqualTo(2);
    assertThat(world.events()).isEmpty();
  }

  @Nested
  class AgentsComeAndGo {
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
  }

  @Nested
  class Deletion {
    @ParameterizedTest
    @EnumSource
    void aPlaneWithoutRunsGoesAtOnceWhateverItsState(PlaneKind kind) {
      var world = PlaneWorld.fine(kind)
          .withAgents(new Agents.Silent(NOON.minusSeconds(999), "gone"))
          .deleted(false);
      assertThat(world.plan().actions()).containsExactly(new PlaneAction.RemoveFinalizer());
    }

    @Test
    void aPlaneWithUnfinishedRunsIsHeldAndListsThem() {
      var world = PlaneWorld.fine(CBP).deleted(false, "team/a", "team/b");
      assertThat(brief(world.status(), "DeletionBlocked")).isEqualTo("True UnfinishedRuns");
      assertThat(condition(world.status(), "DeletionBlocked").message())
          .contains("2 runs have not ended: team/a, team/b")
          .contains("force-delete");
      assertThat(brief(world.status(), "Ready")).isEqualTo("False Deleting");
      assertThat(world.events()).contains("Warning UnfinishedRuns");
    }

    @Test
    void theListOfRunsIsBounded() {
      var runs = IntStream.range(0, 500).mapToObj(i -> "team/r" + i).toArray(String[]::new);
      var message = condition(PlaneWorld.fine(CBP).deleted(false, runs).status(), "DeletionBlocked")
          .message();
      assertThat(message).contains("and 490 more").hasSizeLessThan(500);
    }

    @Test
    void forceLetsItGo() {
      assertThat(PlaneWorld.fine(CBP).deleted(true, "team/a").plan().actions())
          .containsExactly(new PlaneAction.RemoveFinalizer());
    }
  }

  @Test
  void aFirstLookTellsThatThePlaneWasCreatedAndWhatIsWrong() {
    assertThat(PlaneWorld.fine(CBP).events()).containsExactly("Normal ReconcileComplete");
    assertThat(PlaneWorld.fine(CBP).withAgents(agents(0)).events())
        .containsExactly(
            "Normal ReconcileComplete", "Warning NoAgentConnected", "Warning NotReady");
  }

  @Test
  void noTimeIsWrittenWithFractionsOfASecond() {
    var odd = Instant.parse("2026-03-01T12:00:00.987654321Z");
    assertThat(condition(PlaneWorld.fine(CBP).withNow(odd).status(), "Ready").lastTransitionTime())
        .isEqualTo("2026-03-01T12:00:00Z");
  }
}
