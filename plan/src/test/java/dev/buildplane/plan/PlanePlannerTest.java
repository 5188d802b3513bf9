package dev.buildplane.plan;

import static dev.buildplane.plan.PlaneWorld.CBP;
import static dev.buildplane.plan.PlaneWorld.NOON;
import static dev.buildplane.plan.PlaneWorld.YESTERDAY;
import static dev.buildplane.plan.PlaneWorld.agents;
import static dev.buildplane.plan.PlaneWorld.brief;
import static dev.buildplane.plan.PlaneWorld.condition;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.AgentConnection;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
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
  void aBundleIsValidWhileOneCertificateIs() {
    var expired = new Validity("CN=old", NOON.minusSeconds(100), NOON.minusSeconds(1));
    var status = PlaneWorld.fine(CBP)
        .withCa(new ClientCA.Certificates(List.of(expired, PlaneWorld.YEAR)))
        .status();
    assertThat(brief(status, "ClientCAResolved")).isEqualTo("True Resolved");
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
