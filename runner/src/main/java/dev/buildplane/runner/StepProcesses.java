package dev.buildplane.runner;

import dev.buildplane.runner.Action.StepOrder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Starts, follows, stops and finds again the processes of all steps.
///
/// The disk is the truth ([StepDirectory]); in memory there is only who is being cared for by a thread of this runner. A step is started at most once:
/// the launcher claims its directory before it does anything. Orderly shutdown marks running steps as evicted before stopping them, and an
/// evicted step starts again from its beginning with a fresh directory (its workflow's volumes keep what it had written), like an evicted pod
/// whose controller replaces it.
final class StepProcesses implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StepProcesses.class);

  /// How long a launcher may take from claiming its directory to recording its process.
  private static final Duration LAUNCH_PATIENCE = Duration.ofSeconds(10);

  /// How long beyond the grace an orderly shutdown waits for a step to be gone.
  private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(15);

  private final RunnerSettings settings;
  private final Sandbox sandbox;
  private final StepLogs logs;
  private final LogPumps pumps;
  private final Lookup lookup;
  private final Consumer<String> changed;
  private final Path work;
  private final Slots slots;
  private final Map<StepKey, Care> carers = new ConcurrentHashMap<>();
  private volatile boolean closing;

  /// @param changed called with the uid of a workflow of which a step has changed; must not block
  StepProcesses(
      RunnerSettings settings,
      Sandbox sandbox,
      StepLogs logs,
      LogPumps pumps,
      Lookup lookup,
      Consumer<String> changed) {
    this.settings = settings;
    this.sandbox = sandbox;
    this.logs = logs;
    this.pumps = pumps;
    this.lookup = lookup;
    this.changed = changed;
    this.work = settings.workspaces().resolve("work");
    this.slots = new Slots(settings.maxParallelSteps());
  }

  /// Takes up the steps that an earlier runner left: follows the living, completes the logs of the dead. Call once, before anything else.
  void adopt() throws IOException {
    Files.createDirectories(work);
    for (var workflow : children(work)) {
      for (var path : children(workflow.resolve("steps"))) {
        var step = new StepDirectory(path);
        if (step.isClaimed() && step.isAccepted() && !Files.exists(step.file("done"))) {
          var key = new StepKey(name(workflow), name(path));
          care(key, care -> followAdopted(care, key, step));
        }
      }
    }
  }

  private static List<Path> children(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> list = Files.list(directory)) {
      return list.filter(Files::isDirectory).sorted().toList();
    }
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  Path workflowDirectory(String uid) {
    return work.resolve(Names.safe(uid));
  }

  private StepDirectory directory(StepKey key) {
    return new StepDirectory(
        workflowDirectory(key.workflowUid()).resolve("steps").resolve(key.nodeId()));
  }

  /// The workflows with something on disk, uid to `namespace/name`.
  Map<String, String> workflows() throws IOException {
    var known = new HashMap<String, String>();
    for (var workflow : children(work)) {
      var record = Trees.read(workflow.resolve("workflow"));
      record.ifPresent(text -> known.put(name(workflow), text.strip()));
    }
    return known;
  }

  /// Notes whose steps the directory holds.
  void register(String uid, String namespacedName) throws IOException {
    var file = Files.createDirectories(workflowDirectory(uid)).resolve("workflow");
    if (!Files.exists(file)) {
      Trees.writeAtOnce(file, namespacedName);
    }
  }

  /// What is known of a workflow's steps, by node id.
  Map<String, StepState> observe(String uid) throws IOException {
    var states = new HashMap<String, StepState>();
    for (var path : children(workflowDirectory(uid).resolve("steps"))) {
      var key = new StepKey(uid, name(path));
      var cared = carers.containsKey(key);
      states.put(
          key.nodeId(), new StepDirectory(path).observe(cared, settings.clock().instant()));
    }
    return states;
  }

  /// Starts a step unless it was started before; returns at once.
  void start(String uid, String namespace, StepOrder order) {
    var key = new StepKey(uid, order.nodeId());
    if (!closing) {
      care(key, care -> run(care, key, namespace, order));
    }
  }

  /// Runs on a virtual thread of its own, one at a time for each step.
  private void care(StepKey key, Care.Work work) {
    carers.computeIfAbsent(
        key,
        _ -> Care.start("runner-step-" + key.nodeId(), care -> {
          try {
            work.run(care);
          } catch (IOException | RuntimeException failed) {
            if (!care.isGivenUp()) {
              LOG.error("step {}: {}", key.nodeId(), failed.toString(), failed);
              recordBroken(key, "the runner failed: " + failed.getMessage());
            }
          } catch (InterruptedException stopped) {
            Thread.currentThread()
                .interrupt(); // given up before it was a process, on behalf of kill, forget or
            // close
          } finally {
            carers.remove(key);
            changed.accept(key.workflowUid());
          }
        }));
  }

  private void recordBroken(StepKey key, String reason) {
    try {
      directory(key).recordBroken(reason, settings.clock().instant());
    } catch (IOException lost) {
      LOG.error("step {}: cannot record its failure: {}", key.nodeId(), lost.toString());
    }
  }

  private void run(Care care, StepKey key, String namespace, StepOrder order)
      throws IOException, InterruptedException {
    var step = directory(key);
    var state = step.observe(false, settings.clock().instant());
    if (!(state instanceof StepState.Absent || state instanceof StepState.Evicted)) {
      return; // it was started before; the engine has not seen it yet
    }
    var log = logs.file(namespace, order.podName(), "main");
    if (state instanceof StepState.Evicted) {
      logs.rotate(log);
    }
    Trees.delete(step.path());
    Files.createDirectories(step.path());
    Trees.writeAtOnce(
        step.file("order.json"), StepPreparation.record(order, namespace).toString());
    slots.take();
    try {
      if (!closing && !step.isStopping()) {
        launch(care, key, namespace, order, step, log);
      }
    } catch (StepProblem problem) {
      step.recordBroken(problem.text(), settings.clock().instant());
    } finally {
      slots.free();
    }
  }

  private void launch(
      Care care, StepKey key, String namespace, StepOrder order, StepDirectory step, Path logFile)
      throws IOException, InterruptedException, StepProblem {
    var preparation = new StepPreparation(
        settings, sandbox, lookup, namespace, workflowDirectory(key.workflowUid()));
    var prepared = preparation.prepare(order, step);
    var pump = pumps.start(
        step.path(),
        logs.write(logFile, settings.maxLogBytes()),
        () -> changed.accept(key.workflowUid()));
    try {
      var builder = builder(step, prepared, order.wantsResult());
      var process = care.launch(() -> builder.start().toHandle());
      awaitEnd(process);
      endStragglers(process);
    } finally {
      pump.end();
    }
    finish(step, order.wantsResult());
  }

  private ProcessBuilder builder(
      StepDirectory step, StepPreparation.Prepared prepared, boolean wantsResult) {
    var command = new ArrayList<String>();
    if (sandbox.session()) {
      command.add(sandbox.tool("setsid"));
    }
    command.addAll(List.of(
        sandbox.tool("sh"),
        sandbox.scripts().resolve("launch.sh").toString(),
        sandbox.scripts().toString(),
        step.path().toString(),
        sandbox.isolated() ? "isolated" : "plain",
        prepared.workingDirectory()));
    command.addAll(prepared.command());
    var builder = new ProcessBuilder(command).directory(step.path().toFile());
    builder.environment().clear();
    builder.environment().putAll(prepared.environment());
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(step.file("out").toFile()));
    if (wantsResult) {
      builder.redirectError(ProcessBuilder.Redirect.appendTo(step.file("err").toFile()));
    } else {
      builder.redirectErrorStream(true);
    }
    return builder;
  }

  private static void awaitEnd(ProcessHandle process) throws InterruptedException {
    try {
      process.onExit().get();
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(
          "waiting for process " + process.pid() + " failed", impossible);
    }
  }

  /// What a step left in the background ends with it; with a namespace of its own the kernel sees to that.
  private void endStragglers(ProcessHandle process) {
    if (!sandbox.isolated() && sandbox.session()) {
      signal(process, "KILL");
    }
  }

  /// Frees the disk of what nobody can want any more, Secrets first.
  private void finish(StepDirectory step, boolean wantsResult) throws IOException {
    for (var part :
        List.of("volumes", "hold/home", "tmp", "vartmp", "shadow", "script", "root", "err")) {
      Trees.delete(step.file(part));
    }
    if (!wantsResult) {
      Trees.delete(step.file("out"));
    }
    if (Files.exists(step.path())) {
      Trees.writeAtOnce(step.file("done"), "");
    }
  }

  private void followAdopted(Care care, StepKey key, StepDirectory step)
      throws IOException, InterruptedException {
    var order = step.order();
    var file = logs.file(order.path("namespace").asText(), order.path("podName").asText(), "main");
    slots.takeAnyway();
    var pump = pumps.start(
        step.path(),
        logs.write(file, settings.maxLogBytes()),
        () -> changed.accept(key.workflowUid()));
    try {
      awaitLauncher(step);
      var process = step.process();
      if (process.isPresent()) {
        LOG.info(
            "adopted step {}, process {}",
            order.path("nodeName").asText(),
            process.get().pid());
        changed.accept(key.workflowUid());
        if (step.isStopping()) {
          stop(process.get());
        }
        awaitEnd(care.launch(process::get));
        endStragglers(process.get());
      }
    } finally {
      pump.end();
      slots.free();
    }
    finish(step, order.path("wantsResult").asBoolean());
  }

  /// A launcher that claimed its directory the moment the last runner died still has to record its process.
  private static void awaitLauncher(StepDirectory step) throws InterruptedException {
    var deadline = System.nanoTime() + LAUNCH_PATIENCE.toNanos();
    while (!Files.exists(step.file("pid"))
        && !Files.exists(step.file("exit"))
        && System.nanoTime() < deadline) {
      Thread.sleep(50);
    }
  }

  /// Stops a step for good; `reason` becomes its message. Returns at once; repeating it is harmless.
  void kill(String uid, String nodeId, String reason) throws IOException {
    var key = new StepKey(uid, nodeId);
    var step = directory(key);
    if (step.isAccepted() && !step.isStopping()) {
      step.recordStop("killed", reason, settings.clock().instant());
      stop(key, step);
    }
  }

  private void stop(StepKey key, StepDirectory step) throws IOException {
    var care = carers.get(key);
    var process = care == null ? step.process() : care.giveUp();
    process.ifPresent(this::stop);
  }

  /// Asks politely, then kills. Returns at once.
  private void stop(ProcessHandle process) {
    Thread.ofVirtual().name("runner-stop-" + process.pid()).start(() -> {
      signal(process, "TERM");
      try {
        process.onExit().get(settings.stopGrace().toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException | ExecutionException unmoved) {
        LOG.debug("process {} did not end on request", process.pid());
      } catch (InterruptedException hurry) {
        Thread.currentThread().interrupt();
      }
      signal(process, "KILL");
    });
  }

  /// To the whole session's group; where there is none, to the process and its descendants.
  private void signal(ProcessHandle process, String signal) {
    var descendants = process.descendants().toList();
    if (sandbox.session()) {
      try {
        new ProcessBuilder(sandbox.tool("sh"), "-c", "kill -s " + signal + " -- -" + process.pid())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .onExit()
            .get();
      } catch (IOException | ExecutionException failed) {
        LOG.error("cannot signal the group of process {}: {}", process.pid(), failed.toString());
      } catch (InterruptedException hurry) {
        Thread.currentThread().interrupt();
      }
    }
    if (!sandbox.isolated() && (signal.equals("KILL") || !sandbox.session())) {
      descendants.forEach(
          signal.equals("KILL") ? ProcessHandle::destroyForcibly : ProcessHandle::destroy);
    }
    if (!sandbox.session()) {
      var ignored = signal.equals("KILL") ? process.destroyForcibly() : process.destroy();
      LOG.trace("signalled {}: {}", process.pid(), ignored);
    }
  }

  /// The workflow is gone: stops all its steps, waits for that, deletes workspaces and logs.
  void forget(String uid) throws IOException, InterruptedException {
    var directory = workflowDirectory(uid);
    var steps = children(directory.resolve("steps"));
    for (var path : steps) {
      var key = new StepKey(uid, name(path));
      var step = new StepDirectory(path);
      if (carers.containsKey(key) && step.isAccepted()) {
        step.recordStop("killed", "the workflow was deleted", settings.clock().instant());
        stop(key, step);
      }
    }
    for (var path : steps) {
      var carer = carers.get(new StepKey(uid, name(path)));
      if (carer != null && !carer.join(settings.stopGrace().plus(CLOSE_PATIENCE))) {
        throw new IOException(
            "step " + name(path) + " does not end; its workspace cannot be deleted yet");
      }
    }
    for (var path : steps) {
      var step = new StepDirectory(path);
      if (step.isAccepted()) {
        var order = step.order();
        logs.delete(order.path("namespace").asText(), order.path("podName").asText());
      }
    }
    Trees.delete(directory);
  }

  /// Stops every step and marks it to be started again by the next runner. Returns when all are gone.
  @Override
  public void close() {
    closing = true;
    carers.forEach((key, care) -> {
      try {
        if (care.isLaunched()) {
          directory(key)
              .recordStop("evicted", "the runner was stopped", settings.clock().instant());
        }
        stop(key, directory(key));
      } catch (IOException failed) {
        throw new UncheckedIOException("cannot stop step " + key.nodeId(), failed);
      }
    });
    var patience = settings.stopGrace().plus(CLOSE_PATIENCE);
    for (var carer : List.copyOf(carers.values())) {
      try {
        if (!carer.join(patience)) {
          LOG.error("{} did not end within {}", carer.name(), patience);
        }
      } catch (InterruptedException hurry) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
