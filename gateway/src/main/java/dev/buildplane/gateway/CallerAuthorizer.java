package dev.buildplane.gateway;

import dev.buildplane.http.Principal;
import dev.buildplane.model.PlaneRef;
import java.util.concurrent.CompletionStage;

/// Says whether a caller may do something.
public interface CallerAuthorizer {
  /// What is asked for.
  sealed interface Access {
    /// `verb` on `<plural>/proxy` of that resource.
    record Proxy(PlaneRef plane, String verb) implements Access {}

    /// `verb` (`get`, `watch`, `update`) on [#RESOURCE], which stands for all connections of all planes. A resource and
    /// not a path: Kubernetes lets every authenticated user get `/api/*`.
    record Connections(String verb) implements Access {
      /// Named in roles as a resource of the API group; nothing of that name is stored.
      public static final String RESOURCE = "agentconnections";
    }
  }

  /// The outcome.
  ///
  /// @param reason for logs; may be empty
  record Decision(boolean allowed, String reason) {}

  /// Must not block; an exceptional completion means that nobody could be asked.
  CompletionStage<Decision> authorize(Principal caller, Access access);
}
