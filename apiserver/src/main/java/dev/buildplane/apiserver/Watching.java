package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.store.Change;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreProblem;
import dev.buildplane.store.Watch;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/// Streams changes to one client, over chunked HTTP or a WebSocket.
final class Watching implements AutoCloseable {
  /// Watches open at once; one more is answered with 429.
  static final int MAX_WATCHES = 5_000;
  /// How often an idle client that wants bookmarks gets one.
  private static final Duration BOOKMARK_INTERVAL = Duration.ofSeconds(30);
  /// When a client names no `timeoutSeconds`.
  private static final Duration DEFAULT_LIFETIME = Duration.ofMinutes(45);
  private static final Duration MAX_LIFETIME = Duration.ofHours(24);

  private final ObjectStore store;
  private final Objects objects;
  private final Clocked clocked;
  private final Semaphore permits = new Semaphore(MAX_WATCHES);
  private final Map<Watch, ResourceType> open = new ConcurrentHashMap<>();

  Watching(ObjectStore store, Objects objects, Clocked clocked) {
    this.store = store;
    this.objects = objects;
    this.clocked = clocked;
  }

  /// What a watch asks for.
  ///
  /// @param initial whether the present objects come first
  /// @param initialEnd whether a bookmark tells their end (`sendInitialEvents`)
  record Request(
      ResourceType type,
      String namespace,
      Selector selector,
      Shape shape,
      long revision,
      boolean initial,
      boolean initialEnd,
      boolean bookmarks,
      Duration lifetime) {

    /// @throws ApiProblem 400 or 422 for combinations that Kubernetes refuses
    static Request of(
        ResourceType type, String namespace, Selector selector, Shape shape, Query query) {
      var revision = Objects.revision(query.text("resourceVersion"));
      var asked = query.flag("sendInitialEvents");
      if (query.has("sendInitialEvents")
          && !query.text("resourceVersionMatch").equals("NotOlderThan")) {
        throw ApiProblem.badRequest(
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting"
                + " resourceVersionMatch to NotOlderThan");
      }
      var initial = query.has("sendInitialEvents") ? asked : revision == 0;
      var seconds = query.number("timeoutSeconds").orElse(0);
      var lifetime = seconds <= 0
          ? DEFAULT_LIFETIME
          : Duration.ofSeconds(Math.min(seconds, MAX_LIFETIME.toSeconds()));
      var bookmarks = query.flag("allowWatchBookmarks");
      return new Request(
          type,
          namespace,
          selector,
          shape,
          revision,
          initial,
          asked && bookmarks,
          bookmarks,
          lifetime);
    }
  }

  /// Where events go.
  private interface Sink {
    void send(ObjectNode event) throws IOException;

    /// Everything sent is on its way.
    void flush() throws IOException;
  }

  /// Serves the watch until the client goes, its time is over or the server stops.
  void serve(HttpExchange exchange, Request request) throws IOException, InterruptedException {
    if (!permits.tryAcquire()) {
      throw ApiProblem.of(
          429,
          "TooManyRequests",
          "expected at most " + MAX_WATCHES + " open watches; try again later");
    }
    try {
      if (exchange.webSocketRequested()) {
        overWebSocket(exchange, request);
      } else {
        overHttp(exchange, request);
      }
    } finally {
      permits.release();
    }
  }

  private void overHttp(HttpExchange exchange, Request request)
      throws IOException, InterruptedException {
    try (var watch = begin(request)) {
      exchange.onClose(watch.watch()::close);
      var headers =
          Headers.of("content-type", "application/json").with("cache-control", "no-cache, private");
      try (var out = exchange.respondStreaming(200, headers)) {
        out.flush();
        run(watch, request, lines(out));
      }
    }
  }

  private static Sink lines(OutputStream out) {
    return new Sink() {
      @Override
      public void send(ObjectNode event) throws IOException {
        out.write(Json.bytes(event));
        out.write('\n');
      }

      @Override
      public void flush() throws IOException {
        out.flush();
      }
    };
  }

  private void overWebSocket(HttpExchange exchange, Request request)
      throws IOException, InterruptedException {
    try (var watch = begin(request);
        var socket = exchange.acceptWebSocket("")) {
      exchange.onClose(watch.watch()::close);
      Thread.ofVirtual().name("watch-receiver").start(() -> {
        try {
          while (socket.receive() != null) {
            // clients have nothing to say on a watch
          }
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        } finally {
          watch.watch().close();
        }
      });
      run(watch, request, new Sink() {
        @Override
        public void send(ObjectNode event) throws IOException {
          socket.sendText(new String(Json.bytes(event), StandardCharsets.UTF_8));
        }

        @Override
        public void flush() {}
      });
    }
  }

  /// Ends all watches, as their clients expect of a server that stops.
  @Override
  public void close() {
    open.keySet().forEach(Watch::close);
  }

  /// Ends the watches of a resource that is not served any more, as Kubernetes does: their clients list again, and learn so.
  void end(ResourceType gone) {
    open.forEach((watch, type) -> {
      if (type.group().equals(gone.group())
          && type.version().equals(gone.version())
          && type.plural().equals(gone.plural())) {
        watch.close();
      }
    });
  }

  /// @param initial objects to send first
  private record Begun(Watch watch, Objects.ListResult initial, Map<Watch, ResourceType> open)
      implements AutoCloseable {
    @Override
    public void close() {
      watch.close();
      open.remove(watch);
    }
  }

  private Begun begin(Request request) {
    var from = request.revision();
    var initial = new Objects.ListResult(List.of(), from, "", 0);
    if (request.initial()) {
      initial = objects.list(new Objects.ListRequest(
          request.type(), request.namespace(), request.selector(), 0, "", "", ""));
      from = initial.revision();
    }
    try {
      var watch = store.watch(request.type().prefix(request.namespace()), from);
      open.put(watch, request.type());
      return new Begun(watch, initial, open);
    } catch (StoreProblem.RevisionCompacted e) {
      throw ApiProblem.expired(
          "too old resource version: " + e.asked() + " (" + e.compacted() + ")");
    } catch (StoreProblem.RevisionAhead e) {
      throw ApiProblem.expired(
          "resource version " + from + " is not of this server, which is at " + e.current());
    }
  }

  private void run(Begun begun, Request request, Sink sink)
      throws IOException, InterruptedException {
    var start = clocked.now();
    for (var object : begun.initial().items()) {
      sink.send(event(request, "ADDED", object));
    }
    if (request.initialEnd()) {
      sink.send(bookmark(request, begun.initial().revision(), true));
    }
    sink.flush();
    try {
      follow(begun.watch(), request, sink, start.plus(request.lifetime()));
    } catch (StoreProblem.RevisionCompacted e) {
      var gone =
          ApiProblem.expired("too old resource version: " + e.asked() + " (" + e.compacted() + ")");
      var event = Json.object().put("type", "ERROR");
      event.set("object", gone.status());
      sink.send(event);
      sink.flush();
    } catch (StoreProblem.Unavailable _) {
      // closed: the client has gone or the server stops; the stream just ends
    }
  }

  private void follow(Watch watch, Request request, Sink sink, Instant end)
      throws IOException, InterruptedException {
    while (true) {
      var left = Duration.between(clocked.now(), end);
      if (left.isNegative() || left.isZero()) {
        break;
      }
      var changes = watch.poll(left.compareTo(BOOKMARK_INTERVAL) < 0 ? left : BOOKMARK_INTERVAL);
      for (var change : changes) {
        send(request, change, sink);
      }
      if (changes.isEmpty() && request.bookmarks()) {
        sink.send(bookmark(request, watch.revision(), false));
      }
      sink.flush();
    }
    if (request.bookmarks()) {
      sink.send(bookmark(request, watch.revision(), false));
      sink.flush();
    }
  }

  /// A change as this client sees it: an object that begins to match is added, one that ceases to is
  /// deleted.
  private void send(Request request, Change change, Sink sink) throws IOException {
    var type = request.type();
    var object = Codec.decode(type, change.value(), change.revision());
    var previous = change.previousValue();
    var matches = change.kind() != Change.Kind.DELETED && request.selector().matches(object);
    var matched = change.kind() != Change.Kind.CREATED
        && (previous == null
            || request.selector().all()
            || request.selector().matches(Codec.decode(type, previous, change.previousRevision())));
    if (matches) {
      sink.send(event(request, matched ? "MODIFIED" : "ADDED", object));
    } else if (matched) {
      sink.send(event(request, "DELETED", object));
    }
  }

  private ObjectNode event(Request request, String kind, ObjectNode object) {
    var event = Json.object().put("type", kind);
    event.set("object", request.shape().one(request.type(), object, clocked.now()));
    return event;
  }

  private ObjectNode bookmark(Request request, long revision, boolean initialEnd) {
    var type = request.type();
    var object = Json.object().put("kind", type.kind()).put("apiVersion", type.apiVersion());
    var metadata = object.putObject("metadata").put("resourceVersion", Long.toString(revision));
    metadata.putNull("creationTimestamp");
    if (initialEnd) {
      metadata.putObject("annotations").put("k8s.io/initial-events-end", "true");
    }
    var shaped = switch (request.shape()) {
      case Shape.Whole() -> object;
      case Shape.MetadataOnly() ->
        object.put("kind", "PartialObjectMetadata").put("apiVersion", "meta.k8s.io/v1");
      case Shape.Table _ -> {
        var table = Json.object().put("kind", "Table").put("apiVersion", "meta.k8s.io/v1");
        table.set("metadata", metadata);
        table.putArray("columnDefinitions");
        table.putArray("rows");
        yield table;
      }
    };
    var event = Json.object().put("type", "BOOKMARK");
    event.set("object", shaped);
    return event;
  }
}
