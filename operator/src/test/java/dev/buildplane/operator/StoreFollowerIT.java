package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.plan.PlaneObserved.SecretStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// External Secrets comes to a plane, goes and comes back, and what is known of its store follows.
class StoreFollowerIT {
  private static final String CRD = "clustersecretstores.external-secrets.io";
  private static final SecretStore READY = new SecretStore.Found("vault", true, "Valid: it works");

  private static World world;

  @BeforeAll
  static void open(@TempDir Path folder) throws Exception {
    world = new World(folder);
  }

  @AfterAll
  static void close() throws Exception {
    world.close();
  }

  /// Notes for how long it was to wait, and does not wait that long.
  private static final class Hasty extends ScheduledThreadPoolExecutor {
    private static final Duration LONGEST = Duration.ofMillis(50);

    final List<Duration> asked = new CopyOnWriteArrayList<>();

    Hasty() {
      super(1);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
      return super.schedule(command, hasty(delay, unit), TimeUnit.MILLISECONDS);
    }

    @Override
    public <V> ScheduledFuture<V> schedule(Callable<V> command, long delay, TimeUnit unit) {
      return super.schedule(command, hasty(delay, unit), TimeUnit.MILLISECONDS);
    }

    private long hasty(long delay, TimeUnit unit) {
      asked.add(Duration.of(delay, unit.toChronoUnit()));
      return Math.min(unit.toMillis(delay), LONGEST.toMillis());
    }
  }

  private static void install(String version) {
    World.apply(world.plane, """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: clustersecretstores.external-secrets.io}
        spec:
          group: external-secrets.io
          names: {kind: ClusterSecretStore, listKind: ClusterSecretStoreList, plural: clustersecretstores, singular: clustersecretstore}
          scope: Cluster
          versions:
            - name: %s
              served: true
              storage: true
              schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """.formatted(version));
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> world.plane.getApiGroup("external-secrets.io") != null);
    World.apply(world.plane, """
        apiVersion: external-secrets.io/%s
        kind: ClusterSecretStore
        metadata: {name: vault}
        status: {conditions: [{type: Ready, status: "True", reason: Valid, message: it works}]}
        """.formatted(version));
  }

  private static void uninstall() {
    var definitions = world.plane.apiextensions().v1().customResourceDefinitions();
    definitions.withName(CRD).delete();
    await().atMost(Duration.ofSeconds(60)).until(() -> definitions.withName(CRD).get() == null);
  }

  private static void awaitState(StoreFollower follower, SecretStore expected) {
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(() -> assertThat(follower.state()).isEqualTo(expected));
  }

  @ParameterizedTest(name = "streams: {0}")
  @ValueSource(booleans = {true, false})
  void aStoreIsFollowedThroughRemovalAndReturnOfItsKind(boolean streams) {
    var told = new AtomicInteger();
    try (var timer = new Hasty();
        var follower =
            new StoreFollower(world.plane, "vault", streams, timer, told::incrementAndGet)) {
      awaitState(follower, new SecretStore.ApiMissing());
      await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(() -> assertThat(timer.asked)
              .as("its coming is asked for, not awaited")
              .contains(StoreFollower.REPEAT));

      install("v1");
      awaitState(follower, READY);
      int toldBefore = told.get();
      uninstall();
      awaitState(follower, new SecretStore.ApiMissing());
      assertThat(told.get()).as("whoever depends on it is told").isGreaterThan(toldBefore);

      install("v1beta1");
      awaitState(follower, READY);
      uninstall();
      awaitState(follower, new SecretStore.ApiMissing());
    }
  }
}
