package dev.buildplane.plan;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.model.PlaneStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Everything one pass over a plane looked at. Read once, then frozen: a pass never looks twice.
///
/// @param planeID the planeID in effect
/// @param recorded the status as stored, empty at first
/// @param unfinishedRuns `namespace/name` of runs bound to this plane that have not ended and are not being deleted
public record PlaneObserved(
    PlaneRef plane,
    long generation,
    PlaneSpec spec,
    String planeID,
    @Nullable PlaneStatus recorded,
    boolean deleting,
    boolean forceDelete,
    List<String> unfinishedRuns,
    ClientCA clientCA,
    Observability observability,
    Agents agents,
    SecretStore secretStore,
    Instant now) {

  public PlaneObserved {
    unfinishedRuns = List.copyOf(unfinishedRuns);
  }

  /// What `spec.clusterAgent.clientCA` led to.
  public sealed interface ClientCA {
    /// Neither a value nor a Secret is named.
    record NotConfigured() implements ClientCA {}

    /// The Secret does not exist, or the reference to it is incomplete.
    record SecretMissing(String namespace, String name) implements ClientCA {}

    /// The Secret exists but has no such key, or the key is empty.
    record KeyMissing(String namespace, String name, String key, List<String> present)
        implements ClientCA {
      public KeyMissing {
        present = List.copyOf(present);
      }
    }

    /// There is text, but no certificate in it.
    record Unreadable(String detail) implements ClientCA {}

    /// At least one certificate.
    record Certificates(List<Validity> list) implements ClientCA {
      public Certificates {
        list = List.copyOf(list);
      }
    }
  }

  /// When a CA certificate is valid.
  public record Validity(String subject, Instant notBefore, Instant notAfter) {}

  /// What `spec.observabilityPlaneRef` led to.
  public sealed interface Observability {
    /// None is named and there is none called `default`, or planes of this type have none.
    record NotConfigured() implements Observability {}

    /// It exists.
    record Found(PlaneRef plane, boolean byDefault) implements Observability {}

    /// A named one does not exist.
    record Missing(PlaneRef plane) implements Observability {}
  }

  /// What the gateway says about the agents of this plane.
  public sealed interface Agents {
    /// The gateway's stream is open and its snapshot complete.
    ///
    /// @param authorised connections that may serve this resource
    /// @param others connections of the same planeID that may not
    /// @param lastDisconnected when the last authorised connection went, as far as known
    /// @param rejection the last refused agent of the same planeID
    /// @param knownSince when this run of the gateway was first followed; agents of an earlier run may still be on their way
    ///     back then
    record Known(
        List<Agent> authorised,
        int others,
        Optional<Instant> lastDisconnected,
        Optional<Rejection> rejection,
        Instant knownSince)
        implements Agents {
      public Known {
        authorised = List.copyOf(authorised);
      }
    }

    /// The gateway has not told its state since then.
    record Silent(Instant since, String why) implements Agents {}
  }

  /// One agent connection.
  ///
  /// @param since when it connected, or when it was granted this resource if later
  /// @param certificateExpires end of its certificate's validity; empty when the gateway does not tell
  /// @param permissionsMissing what it says it may not do in its cluster, sorted
  public record Agent(
      String connectionID,
      Instant since,
      Instant lastSeen,
      Optional<Instant> certificateExpires,
      List<String> permissionsMissing) {
    public Agent {
      permissionsMissing = List.copyOf(permissionsMissing);
    }

    /// One that misses nothing.
    public Agent(
        String connectionID,
        Instant since,
        Instant lastSeen,
        Optional<Instant> certificateExpires) {
      this(connectionID, since, lastSeen, certificateExpires, List.of());
    }
  }

  /// An agent that was turned away.
  public record Rejection(Instant at, String reason, String subject) {}

  /// What `spec.secretStoreRef` led to in the plane.
  public sealed interface SecretStore {
    /// No store is named, or planes of this type have none.
    record NotConfigured() implements SecretStore {}

    /// The plane cannot be asked, because no agent is connected.
    record Disconnected() implements SecretStore {}

    /// The plane has been asked and has not answered yet.
    record Pending() implements SecretStore {}

    /// External Secrets is not installed in the plane.
    record ApiMissing() implements SecretStore {}

    /// There is no store of that name.
    record Missing(String name) implements SecretStore {}

    /// The store exists. `ready` is its own Ready condition.
    record Found(String name, boolean ready, String detail) implements SecretStore {}

    /// Asking failed, for example because the agent may not read stores.
    record Failed(String detail) implements SecretStore {}
  }
}
