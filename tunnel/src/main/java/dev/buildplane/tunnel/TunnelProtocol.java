package dev.buildplane.tunnel;

/// What is spoken inside the WebSocket; settled by the handshake.
public enum TunnelProtocol {
  /// HTTP/2, reversed: chosen by the sub-protocol [WebSocketHandshake#H2_PROTOCOL]. Everything streams.
  H2("h2"),
  /// The JSON messages of OpenChoreo v0.17, spoken when no sub-protocol was chosen. Bodies are whole and bounded
  /// ([JsonSettings]); watches, followed logs and upgrades are not carried.
  JSON("json");

  private final String wire;

  TunnelProtocol(String wire) {
    this.wire = wire;
  }

  /// The name in events and metrics.
  public String wire() {
    return wire;
  }
}
