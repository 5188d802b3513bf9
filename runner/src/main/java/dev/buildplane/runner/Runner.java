package dev.buildplane.runner;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs the Argo Workflows of one build plane as processes on this machine, seeing and telling everything through the plane's API server.
///
/// **What it runs**: steps, dag, container, script and suspend templates, own or from (Cluster)WorkflowTemplates, with parameters, `when`,
/// loops, retries, exit handlers, deadlines, volumes and volume claims; what it does not run ends in phase `Error` saying so. Images are recorded in
/// Pods, but steps run with the tools of the host; requests and limits of CPU and memory are not enforced.
///
/// **When it dies** (even by `kill -9`), steps run on; the next runner on the same workspaces adopts them. **When it is closed**, it stops all
/// steps; the next runner starts those again from their beginning, volumes as they were left.
public final class Runner implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Runner.class);

  private final StepLogs logs;
  private final LogPumps pumps;
  private final StepProcesses processes;
  private final WorkflowReconciler reconciler;
  private final WorkQueue queue;
  private final SharedIndexInformer<GenericKubernetesResource> informer;
  private final FileChannel lockFile;
  private final Map<String, String> keysByUid = new ConcurrentHashMap<>();

  private Runner(RunnerSettings settings, KubernetesClient planeClient, FileChannel lockFile)
      throws IOException {
    this.lockFile = lockFile;
    var api = new ArgoApi(planeClient);
    var clock = settings.clock();
    this.logs = new StepLogs(settings.workspaces().resolve("logs"));
    this.pumps = new LogPumps(clock);
    var sandbox = Sandbox.probe(settings.workspaces(), settings.isolation());
    this.processes = new StepProcesses(settings, sandbox, logs, pumps, api, this::stepChanged);
    var events = new EventWriter(planeClient, clock, RandomGenerator.getDefault());
    this.reconciler =
        new WorkflowReconciler(api, processes, new PodWriter(planeClient), events, clock);
    this.queue = new WorkQueue(this::pass, clock);
    this.informer = api.workflows().inAnyNamespace().runnableInformer(0);
  }

  /// Starts a runner.
  ///
  /// @param planeClient client of the build plane with all rights on workflows, pods, events, secrets and config maps; stays the caller's
  /// @return running; workflows are picked up as soon as their kind is served, which is waited for in the background
  /// @throws IOException when the workspaces cannot be used, for example because another runner uses them
  public static Runner start(RunnerSettings settings, KubernetesClient planeClient)
      throws IOException {
    Files.createDirectories(settings.workspaces());
    var lockFile = lock(settings.workspaces());
    try {
      var runner = new Runner(settings, planeClient, lockFile);
      runner.begin();
      return runner;
    } catch (IOException | RuntimeException failed) {
      lockFile.close();
      throw failed;
    }
  }

  private static FileChannel lock(Path workspaces) throws IOException {
    var channel = FileChannel.open(
        workspaces.resolve("runner.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException sameProcess) {
      LOG.debug("the lock is held by this very process");
    }
    if (lock == null) {
      channel.close();
      throw new IOException(
          "another runner uses " + workspaces + "; stop it or give this one other workspaces");
    }
    return channel;
  }

  private void begin() throws IOException {
    keysByUid.putAll(processes.workflows());
    processes.adopt();
    informer.addEventHandler(new Wakes());
    informer.exceptionHandler((_, failure) -> {
      LOG.warn("cannot watch workflows, trying again: {}", failure.toString());
      return true;
    });
    informer.start();
    keysByUid.values().forEach(queue::add);
  }

  /// The logs of all steps, readable as long as their workflow exists.
  public StepLogs logs() {
    return logs;
  }

  /// Whether the workflows of the plane have been read once.
  public boolean isReady() {
    return informer.hasSynced();
  }

  private void stepChanged(String uid) {
    var key = keysByUid.get(uid);
    if (key != null) {
      queue.add(key);
    }
  }

  private void pass(String key) throws IOException, InterruptedException {
    reconciler.reconcile(key).ifPresent(at -> queue.addAt(key, at));
  }

  /// Stops all steps and returns when they are gone. What was running starts again with the next runner.
  @Override
  public void close() {
    informer.stop();
    queue.close();
    processes.close();
    try {
      pumps.close();
      lockFile.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot release the workspaces", e);
    }
  }

  private final class Wakes implements ResourceEventHandler<GenericKubernetesResource> {
    @Override
    public void onAdd(GenericKubernetesResource workflow) {
      wake(workflow);
    }

    @Override
    public void onUpdate(GenericKubernetesResource old, GenericKubernetesResource workflow) {
      wake(workflow);
    }

    @Override
    public void onDelete(GenericKubernetesResource workflow, boolean finalStateUnknown) {
      wake(workflow);
    }

    private void wake(GenericKubernetesResource workflow) {
      var metadata = workflow.getMetadata();
      var key = metadata.getNamespace() + "/" + metadata.getName();
      keysByUid.put(metadata.getUid(), key);
      queue.add(key);
    }
  }
}
