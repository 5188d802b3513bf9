package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// State of a secret reference.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record SecretReferenceStatus(
    @JsonPropertyDescription("State of the reference.") List<Condition> conditions,

    @JsonPropertyDescription("When values were last read.") @Nullable
    String lastRefreshTime,

    @JsonPropertyDescription("Stores that use this reference.")
    List<Store> secretStores) {
  public SecretReferenceStatus {
    conditions = conditions == null ? List.of() : List.copyOf(conditions);
    secretStores = secretStores == null ? List.of() : List.copyOf(secretStores);
  }

  /// A store.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Store(
      @JsonPropertyDescription("Name of the store.") @Nullable
      String name,

      @JsonPropertyDescription("Namespace of the store.") @Nullable
      String namespace,

      @JsonPropertyDescription("Kind of the store.") @Nullable
      String kind) {}
}
