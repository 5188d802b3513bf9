package dev.buildplane.gateway;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import dev.buildplane.model.Api;
import dev.buildplane.tracing.TraceContext;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One `audit.k8s.io/v1` Event per call on the callers' listener, allowed or denied, as a JSON line; never a body, never a header value
/// but the user agent and the request id. Queries are left out: they may carry what a caller typed. Callers nobody knows get theirs
/// from [StrangersAudit].
///
/// Event loops only note that a call has ended; a thread of this log's own words and writes the lines, every [#WRITE_INTERVAL]. No record
/// is dropped: a line that the sink does not take, as on a full disk, is tried again until it does, and when the sink falls so far behind
/// that [#REFUSE_ABOVE] records wait, further calls are refused ([#begin]) until it has caught up. A process that is killed loses what has not
/// been written.
final class AuditLog implements AutoCloseable {
  /// Records that may wait for the sink.
  static final int MAX_WAITING = 64 * 1024;

  /// Above this many waiting records no call is begun; what is left takes in the ends of calls that are under way.
  static final int REFUSE_ABOVE = MAX_WAITING / 2;

  static final Duration WRITE_INTERVAL = Duration.ofMillis(50);

  private static final Logger log = LoggerFactory.getLogger(AuditLog.class);
  private static final String ANNOTATION = "buildplane." + Api.GROUP + "/";
  private static final JsonFactory JSON = new JsonFactory().setRootValueSeparator("");
  private static final int LINE_CHARS = 1024;

  /// Lines that go to the sink together.
  private static final int LINES_TOGETHER = 256;

  /// The group of an agent in its records; its name is the subject of its certificate.
  private static final String AGENT_GROUP = "buildplane:agents";

  /// Characters told of a path or a user agent of somebody who is not known.
  static final int MAX_STRANGER_CHARS = 256;

  private final AuditSink sink;
  private final InstantSource clock;
  private final String replica;
  private final ArrayBlockingQueue<Call> waiting = new ArrayBlockingQueue<>(MAX_WAITING);
  private final CountDownLatch closed = new CountDownLatch(1);
  private final SplittableRandom ids = new SplittableRandom(new SecureRandom().nextLong());
  private final Thread writer;

  /// The writer's, as are the next: what the sink has not taken yet.
  private final List<String> lines = new ArrayList<>(LINES_TOGETHER);

  private final MicroTime micro = new MicroTime();
  private final StringWriter text = new StringWriter(LINE_CHARS);
  private final Set<Class<?>> untold = new HashSet<>();
  private JsonGenerator json = generator();
  private boolean failing;
  private volatile int inHand;

  AuditLog(AuditSink sink, InstantSource clock, UUID replica) {
    this.sink = sink;
    this.clock = clock;
    this.replica = replica.toString();
    this.writer = Thread.ofPlatform().name("gateway-audit").daemon().start(this::write);
  }

  /// Lines at level INFO of the logger `buildplane.audit`.
  static AuditSink toLogger() {
    return AuditSink.each(LoggerFactory.getLogger("buildplane.audit")::info);
  }

  /// Identifier of this replica.
  String replica() {
    return replica;
  }

  /// Starts the record of a call.
  ///
  /// @throws HttpProblem 503 when the sink has fallen too far behind: a call that cannot be recorded is not made
  Call begin(RequestHead head, Principal caller) {
    if (waiting() > REFUSE_ABOVE) {
      throw new HttpProblem(
          503,
          "the audit log is " + REFUSE_ABOVE
              + " records behind and calls wait until it has caught up; try again, and look at where it is written to");
    }
    return new Call(head, caller, clock.instant());
  }

  /// The record of a request whose caller is not known; it is ended at once. Unlike [#begin] it never holds calls back: whoever may
  /// fill the log from outside must not be able to stop it.
  ///
  /// @return empty when there is no room
  Optional<Call> stranger(RequestHead head) {
    var record = unasked(head, Principal.ANONYMOUS, clock.instant());
    record.ifPresent(event -> event.verb =
        head.method().toLowerCase(Locale.ROOT)); // as Kubernetes has it where no resource is known
    return record;
  }

  /// The record of an agent's connection, which never holds calls back either.
  ///
  /// @return empty when there is no room
  Optional<Call> agent(AgentSession session) {
    var plane = session.plane();
    var head = new RequestHead(
        "GET",
        "/ws",
        "",
        "",
        Headers.EMPTY,
        session.tunnel().remoteAddress(),
        session.chain(),
        session.id().toString(),
        "HTTP/1.1");
    var agent = new Principal(
        session.chain().getFirst().getSubjectX500Principal().getName(), List.of(AGENT_GROUP));
    var record = unasked(head, agent, session.connectedAt());
    record.ifPresent(event -> {
      event.connections(plane.type().wire() + "/" + plane.planeID(), "connect");
      event.connection(session.id());
    });
    return record;
  }

  private Optional<Call> unasked(RequestHead head, Principal who, Instant since) {
    return waiting() > REFUSE_ABOVE ? Optional.empty() : Optional.of(new Call(head, who, since));
  }

  /// Any thread; a second call for one record does nothing.
  void end(Call record) {
    if (record.ended == null) {
      record.ended = clock.instant();
      if (!waiting.offer(record)) {
        log.error("an audit record was lost: {} of them wait already", MAX_WAITING);
      }
    }
  }

  /// Records that wait to be written.
  int waiting() {
    return waiting.size() + inHand;
  }

  private void write() {
    boolean last;
    do {
      last = pause();
      boolean taken;
      do {
        word();
        taken = lines.isEmpty() || write(lines);
      } while (taken && waiting() > 0);
    } while (!last);
    if (waiting() > 0) {
      log.error("{} audit records were lost: they could not be written before the end", waiting());
    }
  }

  /// Makes lines of what waits, as many as go together.
  private void word() {
    while (lines.size() < LINES_TOGETHER) {
      var next = waiting.peek();
      if (next == null) {
        return;
      }
      lines.add(line(next));
      inHand = lines.size();
      waiting.remove();
    }
  }

  /// One record that cannot be told must not end the log of all others: it leaves a line that says so.
  private String line(Call record) {
    var id = id();
    try {
      return line(json -> record.render(json, id, replica, micro));
    } catch (IOException | RuntimeException e) {
      if (untold.add(e.getClass())) {
        log.error("audit record {} could not be rendered; others like it are not told here", id, e);
      }
      json = generator(); // the other one is somewhere inside an object
      text.getBuffer().setLength(0);
      try {
        return line(json -> record.renderUntold(json, id, replica, micro, e));
      } catch (IOException again) {
        throw new UncheckedIOException("a StringWriter does not fail", again);
      }
    }
  }

  private String line(Rendering rendering) throws IOException {
    rendering.render(json);
    json.flush();
    var line = text.toString();
    text.getBuffer().setLength(0);
    return line;
  }

  /// Writes one event.
  private interface Rendering {
    void render(JsonGenerator json) throws IOException;
  }

  private JsonGenerator generator() {
    try {
      return JSON.createGenerator(text);
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter does not fail", e);
    }
  }

  /// Whether the log has been closed.
  private boolean pause() {
    try {
      return closed.await(WRITE_INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return true; // nobody interrupts this thread but a JVM that ends
    }
  }

  /// Whether the sink took any of them.
  private boolean write(List<String> unwritten) {
    int taken;
    try {
      taken = sink.write(List.copyOf(unwritten));
    } catch (RuntimeException e) {
      if (!failing) {
        failing = true;
        log.error(
            "the audit log cannot be written; it is tried again, and calls are refused once {} records wait",
            REFUSE_ABOVE,
            e);
      }
      return false;
    }
    unwritten.subList(0, taken).clear();
    inHand = unwritten.size();
    if (failing) {
      failing = false;
      log.info("the audit log is written again; {} records wait", waiting());
    }
    return taken > 0;
  }

  /// The address without its port, as `sourceIPs` has it.
  static String address(RequestHead head) {
    return head.remoteAddress() instanceof InetSocketAddress internet
            && internet.getAddress() != null
        ? internet.getAddress().getHostAddress()
        : String.valueOf(head.remoteAddress());
  }

  /// Unique, not secret.
  private String id() {
    return new UUID((ids.nextLong() & ~0xf000L) | 0x4000L, (ids.nextLong() >>> 2) | Long.MIN_VALUE)
        .toString();
  }

  /// Writes what waits.
  @Override
  public void close() {
    closed.countDown();
    try {
      writer.join(Duration.ofSeconds(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// What is gathered about one call while it lasts. Used on the caller's event loop, and after its end on the writer's thread.
  static final class Call {
    private final RequestHead head;
    private final Principal caller;
    private final Instant received;
    private @Nullable Instant ended;
    private @Nullable ProxyTarget target;
    private @Nullable String plane;
    private @Nullable UUID connection;
    private @Nullable Forwarding forwardedBy;
    private String forwardedTo = "";
    private String auditID = "";
    private String verb = "";
    private String traceID = "";
    private String message = "";
    private int status;
    private long further;

    private Call(RequestHead head, Principal caller, Instant received) {
      this.head = head;
      this.caller = caller;
      this.received = received;
    }

    void target(ProxyTarget to, String kubernetesVerb) {
      target = to;
      verb = kubernetesVerb;
    }

    RequestHead head() {
      return head;
    }

    /// It is about connections of agents, not for one of them.
    ///
    /// @param ofPlane type and planeID as the path has them, empty for those of all planes
    void connections(String ofPlane, String kubernetesVerb) {
      plane = ofPlane;
      verb = kubernetesVerb;
    }

    /// It stands for further requests that were refused alike and have no record of their own.
    void andFurther(long requests) {
      further = requests;
    }

    /// It is part of that trace; without this, of the one its caller names.
    void trace(String id) {
      traceID = id;
    }

    void connection(UUID id) {
      connection = id;
    }

    /// It came from another replica, which vouches for who the caller is; both events have one id.
    void forwardedBy(Forwarding by) {
      forwardedBy = by;
      auditID = by.auditID();
    }

    /// It goes to that replica.
    ///
    /// @return the id that both events have
    String forwardedTo(String to) {
      forwardedTo = to;
      auditID = auditID.isEmpty() ? UUID.randomUUID().toString() : auditID;
      return auditID;
    }

    void answered(int code) {
      status = code;
    }

    void refused(int code, String why) {
      if (status == 0) {
        status = code;
      }
      message = why;
    }

    /// 0 while nothing was answered.
    int status() {
      return status;
    }

    private void render(JsonGenerator json, String id, String replica, MicroTime micro)
        throws IOException {
      json.writeStartObject();
      json.writeStringField("kind", "Event");
      json.writeStringField("apiVersion", "audit.k8s.io/v1");
      json.writeStringField("level", "Metadata");
      json.writeStringField("auditID", auditID.isEmpty() ? id : auditID);
      json.writeStringField("stage", "ResponseComplete");
      json.writeStringField("requestURI", shown(head.rawPath()));
      json.writeStringField("verb", verb);
      renderCaller(json);
      if (target != null) {
        renderObject(json, target);
      } else if (plane != null) {
        renderConnections(json, plane);
      }
      json.writeObjectFieldStart("responseStatus");
      json.writeNumberField("code", status);
      json.writeStringField("message", message);
      json.writeEndObject();
      json.writeStringField("requestReceivedTimestamp", micro.of(received));
      json.writeStringField("stageTimestamp", micro.of(ended == null ? received : ended));
      renderAnnotations(json, replica);
      json.writeEndObject();
    }

    /// What can be told whatever the record holds.
    private void renderUntold(
        JsonGenerator json, String id, String replica, MicroTime micro, Exception why)
        throws IOException {
      json.writeStartObject();
      json.writeStringField("kind", "Event");
      json.writeStringField("apiVersion", "audit.k8s.io/v1");
      json.writeStringField("level", "Metadata");
      json.writeStringField("auditID", id);
      json.writeStringField("stage", "ResponseComplete");
      json.writeObjectFieldStart("responseStatus");
      json.writeNumberField("code", status);
      json.writeStringField(
          "message", "this call could not be recorded in full: " + why.getClass());
      json.writeEndObject();
      json.writeStringField("requestReceivedTimestamp", micro.of(received));
      json.writeObjectFieldStart("annotations");
      json.writeStringField(ANNOTATION + "replica", replica);
      json.writeEndObject();
      json.writeEndObject();
    }

    private void renderCaller(JsonGenerator json) throws IOException {
      json.writeObjectFieldStart("user");
      var who = forwardedBy == null ? caller : forwardedBy.caller();
      json.writeStringField("username", who.user());
      json.writeArrayFieldStart("groups");
      for (var group : who.groups()) {
        json.writeString(group);
      }
      json.writeEndArray();
      json.writeEndObject();
      json.writeArrayFieldStart("sourceIPs");
      json.writeString(address(head));
      json.writeEndArray();
      json.writeStringField(
          "userAgent", shown(head.headers().first("user-agent").orElse("")));
    }

    /// What strangers send is cut short, so that nobody fills a disk unasked.
    private String shown(String text) {
      return caller.equals(Principal.ANONYMOUS) && text.length() > MAX_STRANGER_CHARS
          ? text.substring(0, MAX_STRANGER_CHARS) + "..."
          : text;
    }

    private static void renderConnections(JsonGenerator json, String plane) throws IOException {
      json.writeObjectFieldStart("objectRef");
      json.writeStringField("resource", CallerAuthorizer.Access.Connections.RESOURCE);
      json.writeStringField("apiGroup", Api.GROUP);
      json.writeStringField("apiVersion", Api.VERSION);
      if (!plane.isEmpty()) {
        json.writeStringField("name", plane);
      }
      json.writeEndObject();
    }

    private static void renderObject(JsonGenerator json, ProxyTarget target) throws IOException {
      json.writeObjectFieldStart("objectRef");
      json.writeStringField("resource", target.plane().kind().plural());
      json.writeStringField("subresource", "proxy");
      json.writeStringField("apiGroup", Api.GROUP);
      json.writeStringField("apiVersion", Api.VERSION);
      json.writeStringField("name", target.plane().name());
      if (target.plane().namespace() != null) {
        json.writeStringField("namespace", target.plane().namespace());
      }
      json.writeEndObject();
    }

    private void renderAnnotations(JsonGenerator json, String replica) throws IOException {
      json.writeObjectFieldStart("annotations");
      json.writeStringField(ANNOTATION + "request-id", head.requestId());
      json.writeStringField(ANNOTATION + "replica", replica);
      var trace = traceID.isEmpty() ? callersTrace() : traceID;
      if (!trace.isEmpty()) {
        json.writeStringField(ANNOTATION + "trace-id", trace);
      }
      if (target != null) {
        json.writeStringField(ANNOTATION + "plane", target.key().toString());
        json.writeStringField(ANNOTATION + "target", target.target());
      }
      if (plane != null && !plane.isEmpty()) {
        json.writeStringField(ANNOTATION + "plane", plane);
      }
      if (further > 0) {
        json.writeStringField(ANNOTATION + "further-requests", Long.toString(further));
      }
      if (forwardedBy != null) {
        json.writeStringField(ANNOTATION + "forwarded-by", forwardedBy.by());
        json.writeStringField(ANNOTATION + "forwarding-user", caller.user());
      }
      if (!forwardedTo.isEmpty()) {
        json.writeStringField(ANNOTATION + "forwarded-to", forwardedTo);
      }
      if (connection != null) {
        json.writeStringField(ANNOTATION + "connection", connection.toString());
      }
      json.writeEndObject();
    }

    private String callersTrace() {
      return TraceContext.of(
              head.headers().all(TraceContext.TRACEPARENT),
              head.headers().all(TraceContext.TRACESTATE))
          .map(TraceContext::traceId)
          .orElse("");
    }
  }
}
