package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/// How agents of a plane prove who they are.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ClusterAgent(
    @JsonPropertyDescription(
        "CA certificates that agents of this plane must chain to: exactly one of secretRef and value.")
    @Required
    @Nullable
    ClientCA clientCA) {}
