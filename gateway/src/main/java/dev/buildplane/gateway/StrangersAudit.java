package dev.buildplane.gateway;

import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Policy;
import dev.buildplane.http.RequestHead;
import dev.buildplane.tunnel.CloseReason;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/// Audits requests that a policy turned away, or the server before it as those of another site's page; their callers therefore are not
/// known. Audits agents, too, that broke the rules of their protocol. Anybody can make them in any number, so in each [#WINDOW] only [#PER_ADDRESS] of one address and [#IN_ALL] together get an
/// event of their own; at the end of the window one more event, that of the last one without, tells how many there were. At under
/// 1.5 KiB an event that is less than 270 MiB a day.
///
/// Thread-safe; the fields below `lock` are guarded by it.
final class StrangersAudit {
  static final Duration WINDOW = Duration.ofMinutes(1);

  /// Events of one address in a window.
  static final int PER_ADDRESS = 10;

  /// Events of all addresses in a window.
  static final int IN_ALL = 120;

  private final AuditLog audit;
  private final InstantSource clock;
  private final Object lock = new Object();
  /// At most [#IN_ALL] addresses, as each has at least one event.
  private final Map<String, Integer> byAddress = new HashMap<>();

  private Instant windowEnds;
  private int recorded;
  private long further;
  private @Nullable RequestHead last;
  private @Nullable HttpProblem lastProblem;

  StrangersAudit(AuditLog audit, InstantSource clock) {
    this.audit = audit;
    this.clock = clock;
    this.windowEnds = clock.instant().plus(WINDOW);
  }

  /// The same policy, with an event for each request it turns away.
  Policy around(Policy policy) {
    return new Policy(
        policy.name(),
        head -> policy.check().admit(head).whenComplete((_, failure) -> {
          if (failure != null) {
            turnedAway(head, problem(failure));
          }
        }),
        this::turnedAway);
  }

  private static HttpProblem problem(Throwable failure) {
    var cause = failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
    return cause instanceof HttpProblem problem
        ? problem
        : new HttpProblem(500, "deciding who the caller is failed");
  }

  private void turnedAway(RequestHead head, HttpProblem problem) {
    endWindow();
    var record =
        hasRoom(AuditLog.address(head)) ? audit.stranger(head) : Optional.<AuditLog.Call>empty();
    record.ifPresentOrElse(event -> end(event, problem), () -> leaveOut(head, problem));
  }

  /// An agent broke the rules of its protocol, for which its connection was ended. It may come again at once, so that it is bounded as strangers are.
  void brokeRules(AgentSession session, CloseReason reason) {
    endWindow();
    var problem = new HttpProblem(400, reason.toString());
    audit.agent(session).ifPresent(event -> {
      if (hasRoom(AuditLog.address(event.head()))) {
        end(event, problem);
      } else {
        leaveOut(event.head(), problem);
      }
    });
  }

  private boolean hasRoom(String address) {
    synchronized (lock) {
      int ofAddress = byAddress.getOrDefault(address, 0);
      if (recorded == IN_ALL || ofAddress == PER_ADDRESS) {
        return false;
      }
      recorded++;
      byAddress.put(address, ofAddress + 1);
      return true;
    }
  }

  private void leaveOut(RequestHead head, HttpProblem problem) {
    synchronized (lock) {
      further++;
      last = head;
      lastProblem = problem;
    }
  }

  private void end(AuditLog.Call record, HttpProblem problem) {
    record.refused(problem.status(), problem.getMessage());
    audit.end(record);
  }

  /// Tells of the requests without an event, once their window is over. To be called now and then.
  void endWindow() {
    RequestHead head;
    HttpProblem problem;
    long untold;
    synchronized (lock) {
      if (clock.instant().isBefore(windowEnds)) {
        return;
      }
      windowEnds = clock.instant().plus(WINDOW);
      byAddress.clear();
      recorded = 0;
      head = last;
      problem = lastProblem;
      untold = further;
      further = 0;
    }
    if (untold > 0 && head != null && problem != null) {
      audit.stranger(head).ifPresent(record -> {
        record.andFurther(untold);
        end(record, problem);
      });
    }
  }
}
