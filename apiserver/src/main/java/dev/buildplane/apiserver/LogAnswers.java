package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/// `GET .../pods/NAME/log`.
final class LogAnswers {
  private final PodLogs logs;
  private final Clocked clocked;

  LogAnswers(PodLogs logs, Clocked clocked) {
    this.logs = logs;
    this.clocked = clocked;
  }

  /// Which part of a log, and how it looks.
  private record Wanted(
      boolean follow, boolean timestamps, Instant since, OptionalLong tailLines, long limitBytes) {
    static Wanted of(Query query, Instant now) {
      var since = Instant.MIN;
      if (query.number("sinceSeconds").isPresent()) {
        since = now.minusSeconds(positive(query, "sinceSeconds"));
      } else if (query.has("sinceTime")) {
        since = time(query.text("sinceTime"));
      }
      var limit =
          query.number("limitBytes").isPresent() ? positive(query, "limitBytes") : Long.MAX_VALUE;
      var tail = query.number("tailLines");
      if (tail.isPresent() && tail.getAsLong() < 0) {
        throw ApiProblem.badRequest("tailLines: Invalid value: must be greater than or equal to 0");
      }
      return new Wanted(query.flag("follow"), query.flag("timestamps"), since, tail, limit);
    }

    private static long positive(Query query, String name) {
      var value = query.number(name).orElseThrow();
      if (value < 1) {
        throw ApiProblem.badRequest(
            name + ": Invalid value: " + value + ": must be greater than 0");
      }
      return value;
    }

    private static Instant time(String text) {
      try {
        return Instant.parse(text);
      } catch (DateTimeParseException e) {
        throw ApiProblem.badRequest("sinceTime: expected an RFC 3339 time, found '" + text + "'");
      }
    }
  }

  void serve(HttpExchange exchange, ObjectNode pod, Query query)
      throws IOException, InterruptedException {
    var container = container(pod, query.text("container"));
    var name = Meta.name(pod);
    if (query.flag("previous")) {
      throw ApiProblem.badRequest(
          "previous terminated container \"" + container + "\" in pod \"" + name + "\" not found");
    }
    var wanted = Wanted.of(query, clocked.now());
    var skip = wanted.tailLines().isPresent() ? linesBefore(pod, container, wanted) : 0;
    var reader = logs.open(Meta.namespace(pod), name, container, wanted.follow())
        .orElseThrow(() -> ApiProblem.badRequest("container \"" + container + "\" in pod \"" + name
            + "\" is waiting to start: ContainerCreating"));
    try (reader) {
      exchange.onClose(reader::close);
      try (var out = exchange.respondStreaming(200, Headers.of("content-type", "text/plain"))) {
        out.flush();
        copy(reader, out, wanted, skip);
      }
    }
  }

  private static String container(ObjectNode pod, String asked) {
    var names = new ArrayList<String>();
    for (var list : List.of("initContainers", "containers", "ephemeralContainers")) {
      pod.path("spec").path(list).forEach(one -> names.add(Json.text(one, "name")));
    }
    var main = pod.path("spec").path("containers");
    if (asked.isEmpty() && main.size() == 1) {
      return Json.text(main.path(0), "name");
    }
    if (asked.isEmpty()) {
      throw ApiProblem.badRequest("a container name must be specified for pod " + Meta.name(pod)
          + ", choose one of: [" + String.join(" ", names) + "]");
    }
    if (!names.contains(asked)) {
      throw ApiProblem.badRequest("container " + asked + " is not valid for pod " + Meta.name(pod));
    }
    return asked;
  }

  /// How many lines to leave out so that `tailLines` remain of those written so far. Counts instead of
  /// keeping lines, so a long log costs no memory.
  private long linesBefore(ObjectNode pod, String container, Wanted wanted)
      throws IOException, InterruptedException {
    var reader = logs.open(Meta.namespace(pod), Meta.name(pod), container, false);
    if (reader.isEmpty()) {
      return 0;
    }
    var count = 0L;
    try (var open = reader.get()) {
      for (var line = open.next(); line != null; line = open.next()) {
        count += line.time().isBefore(wanted.since()) ? 0 : 1;
      }
    }
    return Math.max(0, count - wanted.tailLines().orElse(0));
  }

  private static void copy(LogReader reader, OutputStream out, Wanted wanted, long skip)
      throws IOException, InterruptedException {
    var toSkip = skip;
    var left = wanted.limitBytes();
    for (var line = reader.next(); line != null && left > 0; line = reader.next()) {
      if (line.time().isBefore(wanted.since())) {
        continue;
      }
      if (toSkip > 0) {
        toSkip--;
        continue;
      }
      var text = (wanted.timestamps() ? line.time() + " " : "") + line.text() + "\n";
      var bytes = text.getBytes(StandardCharsets.UTF_8);
      out.write(bytes, 0, (int) Math.min(left, bytes.length));
      left -= bytes.length;
      if (wanted.follow()) {
        out.flush();
      }
    }
  }
}
