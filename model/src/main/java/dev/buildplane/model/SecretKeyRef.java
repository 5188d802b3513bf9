package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/// One key of one Secret.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record SecretKeyRef(
    @JsonPropertyDescription("Name of the Secret.") @Required @Nullable
    String name,

    @JsonPropertyDescription(
        "Namespace of the Secret. Required on cluster-scoped kinds; on namespaced kinds it defaults to the"
            + " namespace of the resource.")
    @Nullable
    String namespace,

    @JsonPropertyDescription("Key within the Secret, for example ca.crt.") @Required @Nullable
    String key) {}
