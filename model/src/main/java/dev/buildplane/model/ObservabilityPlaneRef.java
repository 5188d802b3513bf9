package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/// The observability plane a plane reports to.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ObservabilityPlaneRef(
    @JsonPropertyDescription("Kind of the observability plane.") @Nullable
    String kind,

    @JsonPropertyDescription("Name of the observability plane.")
    @Required
    @Pattern(Limits.PLANE_ID_PATTERN)
    @Size(min = 1, max = Limits.PLANE_ID_CHARS)
    @Nullable
    String name) {}
