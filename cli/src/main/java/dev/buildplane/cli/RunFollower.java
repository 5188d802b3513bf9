package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Follows one run to its end: its status by a watch of the control plane, its steps' logs live from the build plane by
/// way of gateway and tunnel. A lost connection is resumed without printing a line twice.
///
/// One use, one thread calls [#follow]; lines arrive on it.
final class RunFollower implements AutoCloseable {
  /// What the run says, as it happens.
  interface Listener {
    /// A line of a step's log.
    void line(String task, String text);

    /// The run as it is now; called for every change.
    void changed(JsonNode run);

    /// Something a reader should know, for example a connection lost and resumed.
    void notice(String text);
  }

  /// How long logs may still come after the run has ended.
  static final Duration LOG_GRACE = Duration.ofSeconds(20);

  private static final String MAIN_CONTAINER = "main";
  private static final String WORKFLOW_LABEL = "workflows.argoproj.io/workflow";
  private static final String NODE_NAME = "workflows.argoproj.io/node-name";

  private sealed interface Happening {
    record RunChanged(JsonNode run) implements Happening {}

    record RunGone() implements Happening {}

    record PodSeen(Pod pod) implements Happening {}

    record Line(String pod, String text) implements Happening {}

    record LogEnded(String pod, @Nullable String problem) implements Happening {}
  }

  private final KubernetesClient hub;
  private final Function<PlanePin, KubernetesClient> planes;
  private final Listener listener;

  /// Bounded: a reader of logs waits when the terminal is slow, and with it the whole way back to the step.
  private final BlockingQueue<Happening> happenings = new LinkedBlockingQueue<>(1024);

  private final Map<String, PodLog> logs = new HashMap<>();
  private @Nullable KubernetesClient planeClient;
  private @Nullable SharedIndexInformer<Pod> podInformer;

  RunFollower(
      KubernetesClient hub, Function<PlanePin, KubernetesClient> planes, Listener listener) {
    this.hub = hub;
    this.planes = planes;
    this.listener = listener;
  }

  /// Returns the run in its final state once it has ended and its logs are through.
  ///
  /// @throws CliProblem when the run is deleted meanwhile
  JsonNode follow(String namespace, String name) throws InterruptedException {
    var runs = Resources.all(hub, Resources.WORKFLOW_RUN).inNamespace(namespace).withName(name);
    try (var _ = runs.inform(runEvents())) {
      JsonNode run = null;
      var graceEnd = Long.MAX_VALUE;
      while (true) {
        var happening = happenings.poll(200, TimeUnit.MILLISECONDS);
        switch (happening) {
          case null -> {} // look at the clock below
          case Happening.RunChanged(var changed) -> {
            run = changed;
            listener.changed(changed);
            watchPods(changed);
            if (hasEnded(changed) && graceEnd == Long.MAX_VALUE) {
              graceEnd = System.nanoTime() + LOG_GRACE.toNanos();
            }
          }
          case Happening.RunGone() ->
            throw new CliProblem(
                "the run %s was deleted while it was followed".formatted(name), ExitCode.NOT_FOUND);
          case Happening.PodSeen(var pod) -> seen(pod);
          case Happening.Line(var pod, var text) -> listener.line(task(pod), text);
          case Happening.LogEnded(var pod, var problem) -> ended(pod, problem);
        }
        if (run != null && hasEnded(run) && (allLogsThrough(run) || System.nanoTime() > graceEnd)) {
          return run;
        }
      }
    }
  }

  /// Prints what the logs hold now, step by step, without waiting for more.
  void printLogs(JsonNode run) throws IOException {
    var plane = PlanePin.of(run);
    var workflow = run.at("/status/runReference/name").asText("");
    if (plane.isEmpty() || workflow.isEmpty()) {
      return;
    }
    planeClient = planes.apply(plane.get());
    var namespace = run.at("/status/runReference/namespace").asText();
    var pods = planeClient
        .pods()
        .inNamespace(namespace)
        .withLabel(WORKFLOW_LABEL, workflow)
        .list()
        .getItems();
    pods.stream()
        .sorted(java.util.Comparator.comparing(
                (Pod pod) -> String.valueOf(pod.getStatus().getStartTime()))
            .thenComparing(pod -> pod.getMetadata().getName()))
        .forEach(pod -> {
          if (hasStarted(pod)) {
            var text = planeClient
                .pods()
                .inNamespace(namespace)
                .withName(pod.getMetadata().getName())
                .inContainer(MAIN_CONTAINER)
                .getLog();
            text.lines().forEach(line -> listener.line(taskOf(pod), line));
          }
        });
  }

  static boolean hasEnded(JsonNode run) {
    return Resources.condition(run, "WorkflowCompleted").equals("True");
  }

  static boolean hasSucceeded(JsonNode run) {
    return Resources.condition(run, "WorkflowSucceeded").equals("True");
  }

  @Override
  public void close() {
    logs.values().forEach(PodLog::close);
    if (podInformer != null) {
      podInformer.close();
    }
    if (planeClient != null) {
      planeClient.close();
    }
  }

  private ResourceEventHandler<GenericKubernetesResource> runEvents() {
    return new ResourceEventHandler<>() {
      @Override
      public void onAdd(GenericKubernetesResource run) {
        put(new Happening.RunChanged(Resources.json(run)));
      }

      @Override
      public void onUpdate(GenericKubernetesResource before, GenericKubernetesResource run) {
        put(new Happening.RunChanged(Resources.json(run)));
      }

      @Override
      public void onDelete(GenericKubernetesResource run, boolean stateUnknown) {
        put(new Happening.RunGone());
      }
    };
  }

  private ResourceEventHandler<Pod> podEvents() {
    return new ResourceEventHandler<>() {
      @Override
      public void onAdd(Pod pod) {
        put(new Happening.PodSeen(pod));
      }

      @Override
      public void onUpdate(Pod before, Pod pod) {
        put(new Happening.PodSeen(pod));
      }

      @Override
      public void onDelete(Pod pod, boolean stateUnknown) {} // its log has ended by itself
    };
  }

  private void watchPods(JsonNode run) {
    var workflow = run.at("/status/runReference/name").asText("");
    var plane = PlanePin.of(run);
    if (podInformer != null || workflow.isEmpty() || plane.isEmpty()) {
      return;
    }
    planeClient = planes.apply(plane.get());
    podInformer = planeClient
        .pods()
        .inNamespace(run.at("/status/runReference/namespace").asText())
        .withLabel(WORKFLOW_LABEL, workflow)
        .inform(podEvents());
  }

  private void seen(Pod pod) {
    var name = pod.getMetadata().getName();
    var log = logs.computeIfAbsent(name, _ -> new PodLog(pod));
    if (hasStarted(pod)) {
      log.start();
    }
  }

  private void ended(String pod, @Nullable String problem) {
    var log = logs.get(pod);
    if (log == null) {
      return;
    }
    if (problem == null) {
      log.through = true;
    } else {
      listener.notice("log of " + log.task + " interrupted (" + problem + "); resuming");
      log.resume();
    }
  }

  private String task(String pod) {
    var log = logs.get(pod);
    return log == null ? pod : log.task;
  }

  /// Every task that ran has a log that was read to its end.
  private boolean allLogsThrough(JsonNode run) {
    if (run.at("/status/runReference/name").asText("").isEmpty()) {
      return true;
    }
    var tasks = 0;
    for (var task : run.at("/status/tasks")) {
      var phase = task.path("phase").asText();
      tasks += phase.equals("Skipped") || phase.equals("Pending") ? 0 : 1;
    }
    return logs.size() >= tasks
        && logs.values().stream().allMatch(log -> log.through || !log.started);
  }

  private static boolean hasStarted(Pod pod) {
    return pod.getStatus() != null
        && pod.getStatus().getPhase() != null
        && !pod.getStatus().getPhase().equals("Pending");
  }

  private static String taskOf(Pod pod) {
    var annotations = pod.getMetadata().getAnnotations();
    var node = annotations == null ? null : annotations.get(NODE_NAME);
    return node == null ? pod.getMetadata().getName() : node.substring(node.lastIndexOf('.') + 1);
  }

  private void put(Happening happening) {
    try {
      happenings.put(happening);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// One step's log, read on a virtual thread.
  private final class PodLog {
    private static final Duration RESUME_AFTER = Duration.ofMillis(500);

    private final String pod;
    private final String namespace;
    private final String task;
    private volatile boolean closed;
    private boolean started;
    private boolean through;
    private long linesSeen; // of the reading thread; handed on by starting the next one

    PodLog(Pod pod) {
      this.pod = pod.getMetadata().getName();
      this.namespace = pod.getMetadata().getNamespace();
      this.task = taskOf(pod);
    }

    void start() {
      if (!started) {
        started = true;
        Thread.ofVirtual().name("log-" + pod).start(() -> read(Duration.ZERO));
      }
    }

    void resume() {
      Thread.ofVirtual().name("log-" + pod).start(() -> read(RESUME_AFTER));
    }

    void close() {
      closed = true;
    }

    private void read(Duration delay) {
      var client = planeClient;
      if (client == null) {
        return;
      }
      try {
        Thread.sleep(delay);
        var operation =
            client.pods().inNamespace(namespace).withName(pod).inContainer(MAIN_CONTAINER);
        try (var watch = operation.watchLog();
            var lines = new BufferedReader(
                new InputStreamReader(watch.getOutput(), StandardCharsets.UTF_8))) {
          forward(lines);
        }
        put(new Happening.LogEnded(pod, null));
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      } catch (IOException | RuntimeException broken) {
        if (!closed) {
          put(new Happening.LogEnded(pod, String.valueOf(broken.getMessage())));
        }
      }
    }

    /// A resumed log starts at its beginning; what was shown is skipped.
    private void forward(BufferedReader lines) throws IOException {
      var number = 0L;
      for (var line = lines.readLine(); line != null; line = lines.readLine()) {
        if (++number > linesSeen) {
          linesSeen = number;
          put(new Happening.Line(pod, line));
        }
      }
    }
  }
}
