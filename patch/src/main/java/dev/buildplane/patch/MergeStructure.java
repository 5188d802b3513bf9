package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;

/// How the value at one place of an object merges: what the Kubernetes API calls its topology. Walk it beside the value.
///
/// Used by [ServerSideApply] (list types and map types of structured-merge-diff) and [StrategicMergePatch] (merge keys).
/// Implementations are immutable and may be shared by threads.
public interface MergeStructure {
  /// How the items of a list relate, `x-kubernetes-list-type`.
  enum ListType {
    /// One value, owned and replaced as a whole.
    ATOMIC,
    /// Distinct scalars, each owned by itself.
    SET,
    /// Objects told apart by [MergeStructure#listKeys].
    MAP
  }

  /// Whether `name` is a declared field (not just a key of a free map). Declared containers vanish with their last content.
  boolean declares(String name);

  /// The structure of a field or map key; never fails, an undeclared name gives a free structure.
  MergeStructure field(String name);

  /// The structure of the items of this list.
  MergeStructure item();

  /// Whether this object is one value, `x-kubernetes-map-type: atomic`.
  boolean atomicMap();

  /// How the items of this list relate.
  ListType listType();

  /// The fields that identify an item of a [ListType#MAP] list, at least one; empty otherwise.
  List<String> listKeys();

  /// The default of a field, used for key fields that an item leaves out (for example `protocol: TCP`).
  Optional<JsonNode> defaultOf(String name);

  /// For strategic merge patch: whether this list merges instead of being replaced.
  boolean patchMerges();

  /// For strategic merge patch: the field that identifies an item of a merging list of objects.
  Optional<String> patchMergeKey();

  /// Nothing known: granular maps, atomic lists.
  static MergeStructure unknown() {
    return FreeStructure.INSTANCE;
  }

  /// Reads the structure from a custom resource's `openAPIV3Schema`; `metadata` is that of every Kubernetes object.
  static MergeStructure ofSchema(JsonNode openApiV3Schema) {
    return SchemaStructure.root(openApiV3Schema);
  }

  /// The structure of a built-in kind (`v1` `Pod`, `apps/v1` `Deployment`...); [#unknown] but for `metadata` when the kind is not in the table.
  static MergeStructure builtIn(String apiVersion, String kind) {
    return BuiltInStructure.of(apiVersion, kind);
  }
}
