package dev.buildplane.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import org.jspecify.annotations.Nullable;

/// Gateways of a data plane (`reference/planes.md` section 2.5). Carried for compatibility; nothing here acts on it.
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonIgnoreProperties(ignoreUnknown = true)
public record DataPlaneGateway(
    @JsonPropertyDescription("Where traffic enters.") @Nullable
    Direction ingress,

    @JsonPropertyDescription("Where traffic leaves.") @Nullable
    Direction egress) {

  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Direction(
      @JsonPropertyDescription("Gateway for traffic from and to the internet.") @Nullable
      Endpoint external,

      @JsonPropertyDescription("Gateway for traffic from and to the organisation's network.")
      @Nullable
      Endpoint internal) {}

  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Endpoint(
      @JsonPropertyDescription("Name of the Gateway object.") @Required @Nullable
      String name,

      @JsonPropertyDescription("Namespace of the Gateway object.") @Required @Nullable
      String namespace,

      @JsonPropertyDescription("Plain HTTP listener.") @Nullable
      Listener http,

      @JsonPropertyDescription("HTTPS listener.") @Nullable Listener https,

      @JsonPropertyDescription("TLS passthrough listener.") @Nullable
      Listener tls) {}

  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Listener(
      @JsonPropertyDescription("Port, 1 to 65535.") @Required @Min(1) @Max(65_535) @Nullable
      Integer port,

      @JsonPropertyDescription("Host name.") @Required @Nullable
      String host,

      @JsonPropertyDescription("Name of the listener in the Gateway object.") @Nullable
      String listenerName) {}
}
