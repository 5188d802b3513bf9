package dev.buildplane.tunnel;

import java.time.Duration;
import java.util.List;
import java.util.random.RandomGenerator;

/// The dialling side's mind: when to dial, when to wait, which tunnel to drain. Pure: no socket, clock or thread, so that a fuzz test can
/// walk it. Whoever drives it carries out the effects in order and feeds back what happens, one event at a time.
///
/// Invariants (`SessionFuzz`): at most one dial and at most one timer are ever outstanding; unless stopped, one of them is, or a tunnel is up
/// that nobody asked to replace; no opened tunnel is forgotten: it is current, or has been drained or closed, or was lost.
public final class Session {
  /// First back-off, doubled by each failure.
  public static final Duration FIRST_WAIT = Duration.ofMillis(500);

  /// What back-off is spread over at least while another tunnel of the same agent serves: nobody waits for this one, and all that were lost
  /// with it come at once.
  public static final Duration SPARE_WAIT = Duration.ofSeconds(5);

  public static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  /// A tunnel up for this long wipes out what failed before it. Shorter than the half minute that lies between the restarts of one replica of a gateway
  /// and the next: each may take the tunnel that was dialled when the one before went, and none of that is a failure that repeats.
  public static final Duration HEALTHY_AFTER = Duration.ofSeconds(20);

  private static final int MOST_DOUBLINGS = 16;

  private Session() {}

  /// Where a session is. `failures` counts, in a row, dials that failed and tunnels that are not, or never got, healthy.
  public sealed interface State {
    /// Waiting for the timer.
    record Down(int failures) implements State {}

    record Dialing(int failures) implements State {}

    record Up(long tunnel, int failures) implements State {}

    /// `tunnel` still serves what it has, a successor is being dialled (or the timer for that runs).
    record Replacing(long tunnel, int failures, boolean dialing) implements State {}

    /// For good.
    record Stopped() implements State {}
  }

  public sealed interface Event {
    /// The timer of [Effect.WaitThenDial] fired.
    record DialDue() implements Event {}

    record Opened(long tunnel) implements Event {}

    record DialFailed() implements Event {}

    record Lost(long tunnel) implements Event {}

    /// The gateway asked for no more streams on it.
    record GoAway(long tunnel) implements Event {}

    /// Our own certificate or what we trust has changed.
    record ReplaceAsked() implements Event {}

    /// A tunnel to a better place is open, dialled beside the current one.
    record Bettered(long tunnel) implements Event {}

    /// It has been up for [#HEALTHY_AFTER].
    record Healthy(long tunnel) implements Event {}

    record StopAsked() implements Event {}
  }

  public sealed interface Effect {
    record Dial() implements Effect {}

    /// Wait [#delay] of `failures`, then [Event.DialDue].
    record WaitThenDial(int failures) implements Effect {}

    /// [Event.Healthy] after [#HEALTHY_AFTER].
    record WatchHealth(long tunnel) implements Effect {}

    /// Let it finish what it has.
    record Drain(long tunnel) implements Effect {}

    /// Nobody will use it: close it at once.
    record Close(long tunnel) implements Effect {}
  }

  /// The next state and what to do, in order.
  public record Step(State state, List<Effect> effects) {
    public Step {
      effects = List.copyOf(effects);
    }

    static Step to(State state, Effect... effects) {
      return new Step(state, List.of(effects));
    }
  }

  public static Step start() {
    return Step.to(new State.Dialing(0), new Effect.Dial());
  }

  private record Pair(State state, Event event) {}

  public static Step step(State state, Event event) {
    return switch (new Pair(state, event)) {
      case Pair(State.Down(var n), Event.DialDue _) ->
        Step.to(new State.Dialing(n), new Effect.Dial());
      case Pair(State.Dialing(var n), Event.Opened(var id)) ->
        Step.to(new State.Up(id, n + 1), new Effect.WatchHealth(id));
      case Pair(State.Dialing(var n), Event.DialFailed _) ->
        Step.to(new State.Down(n + 1), new Effect.WaitThenDial(n));

      case Pair(State.Up(var id, var n), Event.Lost(var lost))
      when lost == id ->
        Step.to(new State.Down(Math.max(n, 1)), new Effect.WaitThenDial(Math.max(n, 1) - 1));
      // A gateway that sends us away before we were healthy may do so again: no dialling in circles.
      case Pair(State.Up(var id, var n), Event.GoAway(var going))
      when going == id ->
        n == 0
            ? Step.to(new State.Replacing(id, 0, true), new Effect.Dial())
            : Step.to(new State.Replacing(id, n, false), new Effect.WaitThenDial(n - 1));
      case Pair(State.Up(var id, var n), Event.ReplaceAsked _) ->
        Step.to(new State.Replacing(id, n, true), new Effect.Dial());
      case Pair(State.Up(var id, var _), Event.Healthy(var healthy))
      when healthy == id -> Step.to(new State.Up(id, 0));

      case Pair(State.Up(var old, var n), Event.Bettered(var id)) ->
        Step.to(new State.Up(id, n + 1), new Effect.WatchHealth(id), new Effect.Drain(old));
      // Whoever is dialling already finds a good place by itself.
      case Pair(var _, Event.Bettered(var unwanted)) -> Step.to(state, new Effect.Close(unwanted));

      // Make before break: the old one is drained only when the new one carries.
      case Pair(State.Replacing(var old, var n, var _), Event.Opened(var id)) ->
        Step.to(new State.Up(id, n + 1), new Effect.WatchHealth(id), new Effect.Drain(old));
      case Pair(State.Replacing(var old, var n, var _), Event.DialFailed _) ->
        Step.to(new State.Replacing(old, n + 1, false), new Effect.WaitThenDial(n));
      case Pair(State.Replacing(var old, var n, var dialing), Event.DialDue _) ->
        dialing ? Step.to(state) : Step.to(new State.Replacing(old, n, true), new Effect.Dial());
      // The dial, or its timer, that was running for the successor runs on.
      case Pair(State.Replacing(var old, var n, var dialing), Event.Lost(var lost))
      when lost == old -> Step.to(dialing ? new State.Dialing(n) : new State.Down(n));

      case Pair(State.Up(var id, var _), Event.StopAsked _) ->
        Step.to(new State.Stopped(), new Effect.Drain(id));
      case Pair(State.Replacing(var id, var _, var _), Event.StopAsked _) ->
        Step.to(new State.Stopped(), new Effect.Drain(id));
      case Pair(var _, Event.StopAsked _) -> Step.to(new State.Stopped());

      // A dial nobody waits for any more opened after all; unclosed, the gateway keeps a tunnel nobody reads.
      case Pair(var _, Event.Opened(var late)) -> Step.to(state, new Effect.Close(late));

      // Nothing to do: about a tunnel that is not the current one, or already under way.
      case Pair(var _, Event.DialDue _),
          Pair(var _, Event.DialFailed _),
          Pair(var _, Event.Lost _),
          Pair(var _, Event.GoAway _),
          Pair(var _, Event.ReplaceAsked _),
          Pair(var _, Event.Healthy _) -> Step.to(state);
    };
  }

  /// Full jitter: anything from zero to the doubled wait, so that a thousand agents do not come back together.
  ///
  /// @param spare whether another tunnel of the same agent serves meanwhile
  public static Duration delay(int failures, boolean spare, RandomGenerator random) {
    long doubled = FIRST_WAIT.toMillis() << Math.min(Math.max(failures, 0), MOST_DOUBLINGS);
    long cap = Math.min(
        LONGEST_WAIT.toMillis(), spare ? Math.max(SPARE_WAIT.toMillis(), doubled) : doubled);
    return Duration.ofMillis(random.nextLong(cap + 1));
  }
}
