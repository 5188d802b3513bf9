package dev.buildplane.tunnel;

/// The agent's end of a tunnel, made by [TunnelDialer]. Incoming streams go to the handler the
/// dialer was given.
public non-sealed interface AgentTunnel extends Tunnel {}
