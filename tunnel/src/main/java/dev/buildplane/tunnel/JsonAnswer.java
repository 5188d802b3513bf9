package dev.buildplane.tunnel;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;

/// The agent's message of the v0.17 JSON protocol, as the gateway reads it.
///
/// @param status 200 to 599
/// @param headers as the target sent them, hop-by-hop ones included
/// @param body in pieces, none empty
/// @param error text of a failure the agent made itself; empty otherwise
record JsonAnswer(
    String requestId, int status, HttpHeaders headers, List<byte[]> body, String error) {}
