package dev.buildplane.patch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Server-side apply and the ownership of fields (`metadata.managedFields`) for every other write, as Kubernetes does it.
///
/// The semantics are those of structured-merge-diff: an apply merges, takes ownership of exactly what was applied, removes what this manager applied
/// before and nobody owns any more, and is refused when it would change a value that another manager owns. All functions are pure; no
/// argument is changed.
public final class ServerSideApply {
  private ServerSideApply() {}

  /// Who writes, through what.
  ///
  /// @param manager the field manager, 1 to 128 printable characters
  /// @param apiVersion of the object in the request (`v1`, `openchoreo.dev/v1alpha1`)
  /// @param subresource empty for the object itself, otherwise for example `status`
  /// @param time of the write, cut to seconds when it is recorded
  /// @param resetFields top-level fields that this endpoint never writes (for example `status` on the main endpoint of a kind with a status
  ///     subresource, everything but `status` on that); they are never recorded as owned
  public record Writer(
      String manager,
      String apiVersion,
      String subresource,
      Instant time,
      Set<String> resetFields) {
    public Writer {
      resetFields = Set.copyOf(resetFields);
    }

    boolean resets(String topLevelField) {
      return resetFields.contains(topLevelField);
    }
  }

  /// What an apply came to.
  public sealed interface Outcome {
    /// The apply holds.
    ///
    /// @param object the object to store, with its `metadata.managedFields`
    /// @param changed false when the apply changed nothing, in which case `object` equals the live one and must not be written again
    record Applied(ObjectNode object, boolean changed) implements Outcome {}

    /// The apply would change what others own; nothing was changed.
    ///
    /// @param message the text of Kubernetes: `Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.x`
    /// @param conflicts at least one; each is a `FieldManagerConflict` cause of the 409 answer
    record Conflicted(String message, List<Conflict> conflicts) implements Outcome {}
  }

  /// One value that another manager owns.
  ///
  /// @param cause the text of the `Status` cause: `conflict with "kubectl" using v1`
  /// @param field the path, for example `.spec.containers[name="main"].image`
  public record Conflict(String cause, String field) {}

  /// Applies `applied` to `live`.
  ///
  /// @param live the stored object, or null when the apply creates it
  /// @param applied what the manager wants to be so; its `metadata.managedFields` must be absent
  /// @param force whether to take values over from other managers instead of reporting a conflict
  /// @throws PatchException when the applied object does not fit its structure (a list item without its key, the same key twice)
  public static Outcome apply(
      @Nullable ObjectNode live,
      ObjectNode applied,
      Writer writer,
      boolean force,
      MergeStructure structure) {
    return new Ownership(writer, structure).apply(live, applied, force);
  }

  /// Records who owns what after a write that is not an apply (create, update, patch).
  ///
  /// @param live the stored object, or null for a create
  /// @param updated the object as it is about to be stored; `managedFields` of `[{}]` resets all ownership, as in Kubernetes
  /// @return `updated` with its `metadata.managedFields`
  public static ObjectNode update(
      @Nullable ObjectNode live, ObjectNode updated, Writer writer, MergeStructure structure) {
    return new Ownership(writer, structure).update(live, updated);
  }
}
