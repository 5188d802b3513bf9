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

    /// `verb` (a method in lower case) on a path that stands for no resource.
    record Path(String path, String verb) implements Access {}
  }

  /// The outcome.
  ///
  /// @param reason for logs; may be empty
  record Decision(boolean allowed, String reason) {}

  /// Must not block; an exceptional completion means that nobody could be asked.
  CompletionStage<Decision> authorize(Principal caller, Access access);
}
