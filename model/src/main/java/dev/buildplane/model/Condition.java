package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A standard Kubernetes condition.
///
/// @param lastTransitionTime RFC 3339 text in UTC with seconds: when `status` last changed
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record Condition(
    @JsonPropertyDescription("What this condition speaks of.") @Required
    String type,

    @JsonPropertyDescription("True, False or Unknown.") @Required
    Status status,

    @JsonPropertyDescription("Why, in one CamelCase word for programs.") @Required
    String reason,

    @JsonPropertyDescription("Why, in a sentence for people, with what to do about it.") @Required
    String message,

    @JsonPropertyDescription("When status last changed.") @Required
    String lastTransitionTime,

    @JsonPropertyDescription("Generation of the spec this condition speaks of.") @Nullable
    Long observedGeneration) {

  /// The three values a condition may have.
  public enum Status {
    @JsonProperty("True")
    TRUE,
    @JsonProperty("False")
    FALSE,
    @JsonProperty("Unknown")
    UNKNOWN;

    public static Status of(boolean holds) {
      return holds ? TRUE : FALSE;
    }

    /// As it is written in JSON.
    public String text() {
      return switch (this) {
        case TRUE -> "True";
        case FALSE -> "False";
        case UNKNOWN -> "Unknown";
      };
    }
  }

  /// Whether the status is `True`.
  public boolean holds() {
    return status == Status.TRUE;
  }

  /// The condition of a type, when there is one.
  public static Optional<Condition> find(List<Condition> conditions, String type) {
    return conditions.stream().filter(condition -> condition.type.equals(type)).findFirst();
  }
}
