package dev.buildplane.operator;

import dev.buildplane.model.Api;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.SecretReference;
import dev.buildplane.model.Workflow;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.RunPlanner;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.ConfigurationService;
import io.javaoperatorsdk.operator.api.config.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.config.ResolvedControllerConfiguration;
import io.javaoperatorsdk.operator.api.config.informer.InformerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.processing.event.rate.LinearRateLimiter;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The operator of the control plane: keeps the status of planes true and carries runs through their build planes.
///
/// Level-driven and free of polling: watches of the API server, the gateway's stream of agent connections and one watch per
/// plane with runs wake a pass; a pass looks at everything and does what `plan` decides. Several operators on one API server
/// do no harm, but double the work.
public final class BuildplaneOperator implements AutoCloseable {
  /// Wait after a pass that failed; grows by half with each further failure up to [#LAST_RETRY].
  static final Duration FIRST_RETRY = Duration.ofMillis(500);

  static final Duration LAST_RETRY = Duration.ofSeconds(30);

  private static final double RETRY_GROWTH = 1.5;
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);
  private static final Logger LOG = LoggerFactory.getLogger(BuildplaneOperator.class);

  private final Hub hub;
  private final AgentRegistry registry;
  private final Wakeups wakeups = new Wakeups();
  private final PlaneClients clients;
  private final PlaneSessions sessions;
  private final Operator operator;
  private final OperatorSettings settings;
  private final GatewayFollowers gateways;

  private BuildplaneOperator(OperatorSettings settings, KubernetesClient hubClient) {
    this.settings = settings;
    var statuses = new Statuses(hubClient);
    var events = new EventRecorder(hubClient, settings.clock());
    hub = new Hub(hubClient, statuses);
    registry = new AgentRegistry(settings.clock().instant(), settings.gatewayLease());
    var tls = Tls.context(
        settings.identity(), settings.gatewayTrust(), settings.gateways().certificateName());
    gateways = new GatewayFollowers(
        settings.gateways(),
        settings.gatewayLease(),
        tls,
        registry,
        this::onAgents,
        this::onStall,
        settings.clock());
    clients = new PlaneClients(settings.gateways().urls().getFirst(), tls, gateways::current);
    sessions = new PlaneSessions(clients, registry, wakeups::run, wakeups::plane);
    operator = new Operator(configuration -> configuration
        .withKubernetesClient(hubClient)
        .withMetrics(new ReconcileMetrics(settings.metrics()))
        .withCloseClientOnStop(false)
        .withExecutorService(Executors.newVirtualThreadPerTaskExecutor())
        .withWorkflowExecutorService(Executors.newVirtualThreadPerTaskExecutor())
        .withReconciliationTerminationTimeout(STOP_TIMEOUT)
        .withCacheSyncTimeout(Hub.SYNC_TIMEOUT)
        .withStopOnInformerErrorDuringStartup(true)
        .withUseSSAToPatchPrimaryResource(true));
    var planeObserver = new PlaneObserver(hub, registry, sessions, settings.clock());
    var gauges = new PlaneGauges(settings.metrics());
    for (var kind : PlaneKind.values()) {
      var reconciler = new PlaneReconciler(
          kind, hub, planeObserver, sessions, statuses, events, wakeups, gauges);
      operator.register(
          reconciler,
          configuration(reconciler, kind.singular(), kind.finalizer(), planeClass(kind)));
    }
    var runs = new RunReconciler(
        hub,
        new RunObserver(hub, sessions, new RunRendering(settings.confinement()), settings.clock()),
        new RunExecutor(hubClient, clients, statuses, events),
        wakeups);
    operator.register(
        runs, configuration(runs, "workflowrun", Api.RUN_FINALIZER, WorkflowRun.class));
  }

  /// Starts the operator and returns once it follows the API server. The gateway may come later.
  ///
  /// @param hubClient client of the control plane's API server, on which the CRDs of `model` must be installed; stays the
  ///     caller's
  /// @throws IllegalStateException when the API server does not answer, or lacks a CRD
  public static BuildplaneOperator start(OperatorSettings settings, KubernetesClient hubClient) {
    var operator = new BuildplaneOperator(settings, hubClient);
    try {
      operator.run();
      return operator;
    } catch (RuntimeException e) {
      operator.close();
      throw e;
    }
  }

  private void run() {
    hub.start();
    operator.start();
    hub.complete(this::onSecret, this::onWorkflow, this::onReference);
    gateways.start();
    LOG.info(
        "operator follows the API server and the gateway at {}",
        settings.gateways().urls());
  }

  // Sound: every resource class of a plane kind is a Plane, and the one reconciler treats them as nothing else.
  @SuppressWarnings("unchecked")
  private static Class<Plane> planeClass(PlaneKind kind) {
    return (Class<Plane>) kind.resourceClass();
  }

  private <P extends HasMetadata> ControllerConfiguration<P> configuration(
      Reconciler<P> reconciler, String name, String finalizer, Class<P> type) {
    ConfigurationService service = operator.getConfigurationService();
    InformerConfiguration<P> informer = InformerConfiguration.builder(type)
        .withName(name)
        .withWatchAllNamespaces()
        .buildForController();
    var retry = new GenericRetry()
        .setInitialInterval(FIRST_RETRY.toMillis())
        .setIntervalMultiplier(RETRY_GROWTH)
        .setMaxInterval(LAST_RETRY.toMillis())
        .withoutMaxAttempts();
    // Not by generation: annotations (force-delete, cancel) count too, and a pass that finds nothing new costs little.
    return new ResolvedControllerConfiguration<>(
        name,
        false,
        reconciler.getClass().getName(),
        retry,
        LinearRateLimiter.deactivatedRateLimiter(),
        null,
        finalizer,
        Map.of(),
        Api.FIELD_MANAGER + "-lifecycle",
        service,
        informer,
        false,
        null);
  }

  private void onSecret(Secret secret) {
    hub.planes()
        .filter(plane -> PlaneObserver.names(plane, secret))
        .map(Plane::ref)
        .forEach(wakeups::plane);
  }

  private void onWorkflow(Workflow workflow) {
    var name = workflow.getMetadata().getName();
    wakeWaiting(workflow.getMetadata().getNamespace(), run -> {
      var spec = run.getSpec();
      return spec != null
          && spec.workflow() != null
          && name.equals(spec.workflow().name());
    });
  }

  private void onReference(SecretReference reference) {
    wakeWaiting(reference.getMetadata().getNamespace(), _ -> true);
  }

  /// Runs that have not been submitted look again.
  private void wakeWaiting(String namespace, java.util.function.Predicate<WorkflowRun> concerned) {
    hub.runs()
        .filter(run -> namespace.equals(run.getMetadata().getNamespace()))
        .filter(run -> RunPlanner.wantsRendering(hub.status(run)) && concerned.test(run))
        .forEach(this::wake);
  }

  private void onAgents(AgentRegistry.Change change) {
    hub.concerned(change).forEach(plane -> {
      var ref = plane.ref();
      wakeups.plane(ref);
      if (!change.onlyHeartbeat()) {
        if (registry.agents(ref, plane.effectivePlaneID()) instanceof Agents.Known known
            && known.authorised().isEmpty()) {
          sessions.end(ref);
        }
        wakeBound(ref);
      }
    });
  }

  /// What is followed inside planes may hang at a gateway that has stopped: it is taken up through another one.
  private void onStall() {
    sessions.endAll();
    onAgents(AgentRegistry.Change.ALL);
  }

  private void wakeBound(PlaneRef ref) {
    hub.runs()
        .filter(run -> hub.boundTo(run, ref))
        .filter(run -> RunPlanner.wantsRendering(hub.status(run))
            || RunPlanner.wantsRemote(hub.status(run), run.isMarkedForDeletion()))
        .forEach(this::wake);
  }

  private void wake(WorkflowRun run) {
    wakeups.run(run.getMetadata().getNamespace(), run.getMetadata().getName());
  }

  /// Stops following and reconciling. Runs go on in their planes; the next start takes them up where they are.
  @Override
  public void close() {
    gateways.close();
    operator.stop();
    sessions.close();
    hub.close();
    clients.close();
  }
}
