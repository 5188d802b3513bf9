package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/// A workflow and the parameters given to it.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record WorkflowConfig(
    @JsonPropertyDescription("Name of the Workflow, in the same namespace.")
    @Required
    @Size(min = 1)
    @Nullable
    String name,

    @JsonPropertyDescription("Values for the parameters of the Workflow's schema.") @Nullable
    JsonNode parameters) {}
