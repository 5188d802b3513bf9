package dev.buildplane.agent;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.FileWatch;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tracing.Tracing;
import dev.buildplane.tunnel.TunnelDestination;
import dev.buildplane.tunnel.TunnelDialer;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The cluster agent: dials the gateway and serves its targets through the tunnel, until closed. Holds no state worth keeping.
///
/// Files (identity, gateway CA, kubeconfig, tokens, targets) are looked at every [AgentSettings#reloadInterval]; a changed identity or CA moves to
/// a fresh connection without failing a request, changed targets serve the next request. A file that cannot be used after a change is told in the log
/// and what was loaded before stays.
public final class Agent implements AutoCloseable {
  private static final Duration LOOPS_CLOSE = Duration.ofSeconds(5);
  private static final Logger LOG = LoggerFactory.getLogger(Agent.class);
  private static final String DEVELOPMENT_VERSION = "dev";
  private static final String INSTANCE = "instance";

  /// How often the agent asks its cluster what it may do; besides, whenever targets or their credentials change.
  private static final Duration PERMISSIONS_INTERVAL = Duration.ofMinutes(10);

  /// How long the first dial waits to know what it may do, so that it can be said at once.
  private static final Duration FIRST_PERMISSIONS_WAIT = Duration.ofSeconds(3);

  private static final String BUILD_PLANE = "buildplane";

  /// The key of the metadata under which missing permissions are told, as [Permission#text] joined by `, `.
  private static final String PERMISSIONS_MISSING = "permissions-missing";

  private final AgentSettings settings;
  private final List<TunnelDestination> destinations;
  private final EventLoopGroup loops;
  private final ScheduledExecutorService reloader;
  private final AgentMetrics metrics;
  private final @Nullable Traces traces;
  private final BackendPool pool = new BackendPool();
  private final FileWatch identityFiles = new FileWatch();
  private final FileWatch targetFiles = new FileWatch();

  /// What was told last of files that cannot be used, so that it is told once. Of the reloader's thread.
  private final Map<FileWatch, String> unusable = new HashMap<>();

  private final List<AgentLink> links = new ArrayList<>();
  private final List<Consumer<AgentStatus>> listeners = new CopyOnWriteArrayList<>();
  private volatile SslContext tls;
  private volatile Targets targets;
  private volatile List<Permission> missing = List.of();
  private volatile long certificateExpires;

  private Agent(AgentSettings settings, Metrics counted, Optional<Tracing> tracing)
      throws AgentProblem {
    this.settings = settings;
    this.traces = tracing
        .map(on -> new Traces(on, settings.planeType(), settings.planeId()))
        .orElse(null);
    this.metrics = new AgentMetrics(counted, settings.tunnel());
    try {
      this.destinations = settings.serverUrls().stream()
          .map(url -> new TunnelDestination(url, settings.planeType(), settings.planeId()))
          .toList();
    } catch (IllegalArgumentException e) {
      throw new AgentProblem(
          Objects.requireNonNullElse(e.getMessage(), "the server URL cannot be used"), e);
    }
    // One file may hold two of them, as a self-signed certificate that is its own CA.
    identityFiles.watch(
        Set.copyOf(List.of(settings.clientCert(), settings.clientKey(), settings.serverCa())));
    this.tls = readTls();
    this.targets = loadTargets();
    this.loops = TunnelTransport.eventLoops(settings.connections(), "agent-tunnel");
    this.reloader = Executors.newSingleThreadScheduledExecutor(
        Thread.ofPlatform().name("agent-reload").daemon().factory());
  }

  /// Starts dialling and returns at once; [#onStatus] tells when it is connected.
  ///
  /// @throws AgentProblem when a file is missing or unusable
  public static Agent start(AgentSettings settings) throws AgentProblem {
    return start(settings, new Metrics());
  }

  /// As above, in a process whose metrics are `counted`.
  public static Agent start(AgentSettings settings, Metrics counted) throws AgentProblem {
    return start(settings, counted, Optional.empty());
  }

  /// As above, with spans of what it carries.
  ///
  /// @param tracing stays the caller's; to be closed after the agent
  public static Agent start(AgentSettings settings, Metrics counted, Optional<Tracing> tracing)
      throws AgentProblem {
    var agent = new Agent(settings, counted, tracing);
    agent.metrics.watch(agent::status, () -> agent.certificateExpires, () -> agent.missing.size());
    agent.run();
    return agent;
  }

  private void run() {
    var streams = new Streams();
    var metadata = metadata();
    // All connections of a link run on its loop, so that those of two links never share one.
    var loopOf = Stream.generate(loops::next).limit(settings.connections()).toList();
    var dialers = loopOf.stream()
        .map(loop -> new TunnelDialer(loop, settings.tunnel(), TunnelDialer.DEFAULT_DEADLINE))
        .toList();
    var replicas = new ReplicaDialer(
        destinations,
        (link, to) ->
            dialers.get(link).dial(to.destination(), to.address(), tls, said(metadata), streams),
        new ReplicaChoice(),
        random());
    for (int i = 0; i < settings.connections(); i++) {
      int link = i;
      links.add(new AgentLink(
          loopOf.get(i),
          () -> replicas.dial(link),
          () -> connectedBeside(link),
          random(),
          this::tell,
          metrics));
    }
    reloader.execute(() -> {
      review(FIRST_PERMISSIONS_WAIT);
      links.forEach(AgentLink::start);
    });
    long anew = PERMISSIONS_INTERVAL.toMillis();
    reloader.scheduleWithFixedDelay(this::reviewAgain, anew, anew, MILLISECONDS);
    long seek = settings.seekInterval().toMillis();
    reloader.scheduleWithFixedDelay(() -> seekReplicas(replicas), seek, seek, MILLISECONDS);
    long millis = settings.reloadInterval().toMillis();
    reloader.scheduleWithFixedDelay(this::reloadChanged, millis, millis, MILLISECONDS);
    LOG.info(
        "agent for {}/{} dials {}; targets: {}",
        settings.planeType(),
        settings.planeId(),
        settings.serverUrls(),
        targets.byName().values());
  }

  private static RandomGenerator random() {
    return new SplittableRandom(new SecureRandom().nextLong());
  }

  private void seekReplicas(ReplicaDialer replicas) {
    for (int i = 0; i < links.size(); i++) {
      replicas.seek(i, links.get(i)::adopt);
    }
  }

  private Map<String, String> metadata() {
    var said = new HashMap<>(settings.metadata());
    // Two connections with the same instance are one agent to whoever counts them.
    said.put(INSTANCE, UUID.randomUUID().toString());
    var version = Agent.class.getPackage().getImplementationVersion();
    said.putIfAbsent("version", version == null ? DEVELOPMENT_VERSION : version);
    said.putIfAbsent("hostname", hostname());
    return Map.copyOf(said);
  }

  /// `metadata` and what has been found since.
  private Map<String, String> said(Map<String, String> metadata) {
    var lacks = missing;
    if (lacks.isEmpty()) {
      return metadata;
    }
    var more = new HashMap<>(metadata);
    more.put(
        PERMISSIONS_MISSING,
        lacks.stream().map(Permission::text).collect(Collectors.joining(", ")));
    return more;
  }

  /// Asks the cluster what the agent may do there, and moves to a fresh connection, whose handshake says so, when that has
  /// changed.
  private void reviewAgain() {
    if (review(PermissionReview.DEADLINE)) {
      links.forEach(AgentLink::replace);
    }
  }

  /// Whether what is missing has changed. A cluster that cannot be asked changes nothing.
  private boolean review(Duration limit) {
    var cluster = targets.find(Kubeconfig.TARGET_NAME);
    if (!settings.planeType().equals(BUILD_PLANE) || cluster.isEmpty()) {
      return false;
    }
    try {
      var now = PermissionReview.missing(pool, loops.next(), cluster.get(), Permission.NEEDED)
          .toCompletableFuture()
          .get(limit.toMillis(), MILLISECONDS);
      if (now.equals(missing)) {
        return false;
      }
      missing = now;
      now.forEach(lack -> LOG.warn(
          "the agent's user may not {}, needed for {}; grant it in this cluster",
          lack.text(),
          lack.why()));
      return true;
    } catch (ExecutionException | TimeoutException | RuntimeException e) {
      LOG.info("{} could not be asked what the agent may do: {}", cluster.get(), e.toString());
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static String hostname() {
    var set = System.getenv("HOSTNAME");
    if (set != null && !set.isEmpty()) {
      return set;
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException nameless) {
      return "unknown";
    }
  }

  private SslContext readTls() throws AgentProblem {
    try {
      var identity = Identity.read(settings.clientCert(), settings.clientKey());
      var context = Tls.pinned(identity, TrustBundle.read(settings.serverCa()));
      certificateExpires = identity.chain().getFirst().getNotAfter().toInstant().getEpochSecond();
      return context;
    } catch (CertificateProblem e) {
      throw new AgentProblem(
          Objects.requireNonNullElse(e.getMessage(), "a certificate cannot be used"), e);
    } catch (IOException e) {
      throw new AgentProblem(
          "cannot read " + e.getMessage()
              + "; expected client certificate, key and gateway CA as PEM files",
          e);
    }
  }

  /// Read again while that names further files: one may have changed between its reading and its being watched.
  private Targets loadTargets() throws AgentProblem {
    Targets loaded;
    do {
      loaded = Targets.load(settings);
    } while (targetFiles.watch(loaded.files()));
    return loaded;
  }

  private void reloadChanged() {
    reloadChanged(identityFiles, () -> {
      tls = readTls();
      LOG.info("identity or gateway CA changed: moving to a fresh connection");
      links.forEach(AgentLink::replace);
    });
    reloadChanged(targetFiles, () -> {
      var loaded = loadTargets();
      targets = loaded;
      loops.forEach(loop -> loop.execute(() -> pool.forget((EventLoop) loop, loaded)));
      LOG.info("targets reloaded: {}", loaded.byName().values());
      reviewAgain();
    });
  }

  private interface Reload {
    void run() throws AgentProblem;
  }

  /// Files that cannot be used, as one in the middle of being written, are read again at every look; until they can be, the old state serves.
  private void reloadChanged(FileWatch files, Reload reload) {
    if (!files.changed()) {
      return;
    }
    try {
      reload.run();
      unusable.remove(files);
    } catch (AgentProblem | RuntimeException problem) {
      files.again();
      metrics.reloadFailed();
      var told = String.valueOf(problem.getMessage());
      if (!told.equals(unusable.put(files, told))) {
        LOG.warn("keeping the configuration loaded before: {}", told);
      }
    }
  }

  /// Safe from any thread.
  public AgentStatus status() {
    int connected = (int) links.stream().filter(AgentLink::connected).count();
    var problem =
        links.stream().map(AgentLink::problem).filter(Objects::nonNull).findFirst();
    return new AgentStatus(
        connected, links.size(), connected == links.size() ? Optional.empty() : problem);
  }

  /// Whether a request can come through now.
  public boolean ready() {
    return status().ready();
  }

  /// Called on an event loop with every change, and at once with the status as it is, one after the other: what was told last is how it is. Must not
  /// block.
  public void onStatus(Consumer<AgentStatus> listener) {
    synchronized (listeners) {
      listeners.add(listener);
      listener.accept(status());
    }
  }

  private boolean connectedBeside(int link) {
    for (int i = 0; i < links.size(); i++) {
      if (i != link && links.get(i).connected()) {
        return true;
      }
    }
    return false;
  }

  /// Two links may change at once, each on its own loop.
  private void tell() {
    synchronized (listeners) {
      var now = status();
      listeners.forEach(listener -> listener.accept(now));
    }
  }

  /// Says GOAWAY, lets open streams finish for up to [AgentSettings#drain], then closes. A second call does nothing.
  @Override
  public void close() {
    reloader.shutdownNow();
    if (loops.isShuttingDown()) {
      return;
    }
    var stopping = links.stream()
        .map(link -> link.stop().toCompletableFuture())
        .toArray(CompletableFuture<?>[]::new);
    try {
      CompletableFuture.allOf(stopping).get(settings.drain().toMillis(), MILLISECONDS);
    } catch (TimeoutException | ExecutionException stillBusy) {
      links.forEach(AgentLink::abort);
    } catch (InterruptedException e) {
      links.forEach(AgentLink::abort);
      Thread.currentThread().interrupt();
    }
    loops
        .shutdownGracefully(0, LOOPS_CLOSE.toMillis(), MILLISECONDS)
        .awaitUninterruptibly(2 * LOOPS_CLOSE.toMillis());
  }

  /// Each incoming stream becomes an [Exchange].
  @ChannelHandler.Sharable
  private final class Streams extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      stream.pipeline().addLast(new Exchange(() -> targets, pool, metrics, traces));
    }
  }
}
