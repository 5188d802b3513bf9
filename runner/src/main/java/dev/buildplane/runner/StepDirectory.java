package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Optional;

/// What one step leaves on disk, and what it tells. The truth about a step is here, so that it survives the runner.
///
/// | file | written by | means |
/// | --- | --- | --- |
/// | `order.json` | runner | the step is accepted: names, output files |
/// | `claimed/` | launcher | it has been started, once and for all |
/// | `pid` | launcher | process id, start time, boot id |
/// | `exit` | launcher | exit code |
/// | `stop.json` | runner | it is being stopped, and why |
/// | `broken.json` | runner | it could not be started |
/// | `out`, `err` | the step | raw output |
record StepDirectory(Path path) {
  private static final int EXIT_NOT_SET_UP = 121;

  /// Bound on `outputs.result`, in bytes.
  private static final int MAX_RESULT_BYTES = 256 * 1024;

  Path file(String name) {
    return path.resolve(name);
  }

  boolean isAccepted() {
    return Files.exists(file("order.json"));
  }

  boolean isClaimed() {
    return Files.exists(file("claimed"));
  }

  boolean isStopping() {
    return Files.exists(file("stop.json"));
  }

  JsonNode order() throws IOException {
    return Json.MAPPER.readTree(Files.readAllBytes(file("order.json")));
  }

  /// Records why a step is stopped; the first reason stays.
  void recordStop(String kind, String reason, Instant at) throws IOException {
    if (!isStopping()) {
      var node = Json.MAPPER.createObjectNode();
      node.put("kind", kind).put("reason", reason).put("at", at.toString());
      Trees.writeAtOnce(file("stop.json"), node.toString());
    }
  }

  void recordBroken(String reason, Instant at) throws IOException {
    var node = Json.MAPPER.createObjectNode();
    node.put("reason", reason).put("at", at.toString());
    Files.createDirectories(path);
    Trees.writeAtOnce(file("broken.json"), node.toString());
  }

  /// The launcher's process, when it is still the one that wrote `pid`.
  Optional<ProcessHandle> process() throws IOException {
    var record = Trees.read(file("pid"));
    if (record.isEmpty()) {
      return Optional.empty();
    }
    var fields = record.get().strip().split(" ");
    return ProcessHandle.of(Long.parseLong(fields[0]))
        .filter(ProcessHandle::isAlive)
        .filter(handle -> isSame(handle, fields));
  }

  /// Process ids are used again; the start time (and after a reboot the boot id) tells the processes apart.
  private boolean isSame(ProcessHandle handle, String[] fields) {
    try {
      var stat = Path.of("/proc", fields[0], "stat");
      if (fields.length == 3 && !fields[1].equals("0") && Files.exists(stat)) {
        var text = Files.readString(stat, StandardCharsets.ISO_8859_1);
        var rest = text.substring(text.lastIndexOf(')') + 2).split(" ");
        var boot = Trees.read(Path.of("/proc/sys/kernel/random/boot_id")).map(String::strip);
        return rest[19].equals(fields[1])
            && !rest[0].equals("Z")
            && boot.filter(fields[2]::equals).isPresent();
      }
      var written = Files.getLastModifiedTime(file("pid")).toInstant();
      return handle
          .info()
          .startInstant()
          .map(start -> !start.isAfter(written.plusSeconds(2)))
          .orElse(true);
    } catch (IOException gone) {
      return false; // the process ended while we looked
    }
  }

  /// What the disk and the process table say about the step.
  ///
  /// @param underOurCare whether this runner is starting or following it right now
  StepState observe(boolean underOurCare, Instant now) throws IOException {
    var broken = Trees.read(file("broken.json"));
    if (broken.isPresent()) {
      var node = Json.MAPPER.readTree(broken.get());
      return new StepState.Broken(
          node.path("reason").asText(), Instant.parse(node.path("at").asText()));
    }
    if (!isAccepted()) {
      return underOurCare ? new StepState.Waiting("") : new StepState.Absent();
    }
    if (exitCode().isPresent()) {
      return ended();
    }
    if (process().isPresent()) {
      return new StepState.Running(Files.getLastModifiedTime(file("pid")).toInstant());
    }
    // The exit code is written just before the process goes: look again, in this order.
    return exitCode().isPresent() ? ended() : withoutProcess(underOurCare, now);
  }

  private StepState withoutProcess(boolean underOurCare, Instant now) throws IOException {
    if (isStopping()) {
      return stopped();
    }
    if (underOurCare) {
      return new StepState.Waiting(
          isClaimed() ? "" : "waiting for other steps to end: all places are taken");
    }
    if (!isClaimed()) {
      return new StepState.Absent();
    }
    return new StepState.Broken(
        "the step's process vanished without an exit code (the machine was restarted, or somebody killed it); start the workflow again",
        now);
  }

  private Optional<Integer> exitCode() throws IOException {
    return Trees.read(file("exit")).map(text -> Integer.parseInt(text.strip()));
  }

  private StepState stopped() throws IOException {
    var node = Json.MAPPER.readTree(Files.readAllBytes(file("stop.json")));
    return node.path("kind").asText().equals("evicted")
        ? new StepState.Evicted()
        : new StepState.Killed(
            node.path("reason").asText(), Instant.parse(node.path("at").asText()));
  }

  private StepState ended() throws IOException {
    int code = exitCode().orElse(-1);
    var at = Files.getLastModifiedTime(file("exit")).toInstant();
    if (code != 0 && isStopping()) {
      return stopped();
    }
    if (code == EXIT_NOT_SET_UP && Files.exists(file("setup-failed"))) {
      var detail = Trees.read(file("setup.log")).map(String::strip).orElse("");
      return new StepState.Broken("cannot set up the step's file system: " + detail, at);
    }
    var order = order();
    var outputs = new HashMap<String, String>();
    var oversized = new HashSet<String>();
    int number = 0;
    for (var name : order.path("outputs")) {
      var copy = file("hold/outputs/" + number++);
      if (Files.exists(copy) && Files.size(copy) > PodSteps.MAX_OUTPUT_BYTES) {
        oversized.add(name.asText());
      } else {
        Trees.read(copy).ifPresent(value -> outputs.put(name.asText(), value));
      }
    }
    return new StepState.Ended(code, at, outputs, oversized, result(order));
  }

  private Optional<String> result(JsonNode order) throws IOException {
    if (!order.path("wantsResult").asBoolean() || !Files.exists(file("out"))) {
      return Optional.empty();
    }
    try (var input = Files.newInputStream(file("out"))) {
      var text = new String(input.readNBytes(MAX_RESULT_BYTES), StandardCharsets.UTF_8);
      return Optional.of(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
    }
  }
}
