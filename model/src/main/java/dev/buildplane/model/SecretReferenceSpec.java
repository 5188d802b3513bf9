package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Which remote keys make up the Secret, and what the Secret looks like.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record SecretReferenceSpec(
    @JsonPropertyDescription("What the Secret made from this looks like.") @Required @Nullable
    Template template,

    @JsonPropertyDescription("Keys of the Secret and where their values come from.")
    @Required
    @Size(min = 1)
    List<Entry> data,

    @JsonPropertyDescription("How often values are read again.") @Nullable
    String refreshInterval) {
  public SecretReferenceSpec {
    data = data == null ? List.of() : List.copyOf(data);
  }

  /// Type and metadata of the Secret.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Template(
      @JsonPropertyDescription("Type of the Secret.") @Nullable
      String type,

      @JsonPropertyDescription("Labels and annotations of the Secret.") @Nullable
      Metadata metadata) {}

  /// Labels and annotations.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Metadata(
      @JsonPropertyDescription("Annotations of the Secret.") Map<String, String> annotations,
      @JsonPropertyDescription("Labels of the Secret.") Map<String, String> labels) {
    public Metadata {
      annotations = annotations == null ? Map.of() : Map.copyOf(annotations);
      labels = labels == null ? Map.of() : Map.copyOf(labels);
    }
  }

  /// One key of the Secret.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Entry(
      @JsonPropertyDescription("Key in the Secret.") @Required @Size(min = 1) @Nullable
      String secretKey,

      @JsonPropertyDescription("Where the value lies in the store.") @Required @Nullable
      RemoteRef remoteRef) {}

  /// A value in the external store.
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record RemoteRef(
      @JsonPropertyDescription("Path of the secret in the store.")
      @Required
      @Size(min = 1)
      @Nullable
      String key,

      @JsonPropertyDescription("Property within the secret.") @Nullable
      String property,

      @JsonPropertyDescription("Version of the secret.") @Nullable
      String version) {}
}
