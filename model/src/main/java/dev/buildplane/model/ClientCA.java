package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import org.jspecify.annotations.Nullable;

/// Certificate text, inline or in a Secret (the seed's ValueFrom). PEM, base64 of PEM, or base64 of DER; a bundle of
/// several certificates is fine.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ClientCA(
    @JsonPropertyDescription(
        "Secret key that holds the certificates. Preferred: a rotated Secret is noticed at once.")
    @Nullable
    SecretKeyRef secretRef,

    @JsonPropertyDescription("The certificates themselves: PEM, or base64 of PEM.") @Nullable
    String value) {

  public static ClientCA ofValue(String certificates) {
    return new ClientCA(null, certificates);
  }

  public static ClientCA ofSecret(@Nullable String namespace, String name, String key) {
    return new ClientCA(new SecretKeyRef(name, namespace, key), null);
  }
}
