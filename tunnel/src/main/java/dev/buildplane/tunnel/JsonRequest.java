package dev.buildplane.tunnel;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;

/// The gateway's message of the v0.17 JSON protocol, as the agent reads it.
///
/// @param requestId what the answer is matched by
/// @param gatewayRequestId trace id of the original call; empty when there was none
/// @param target name of the backend
/// @param path percent-decoded
/// @param query raw, without `?`; empty when there was none
/// @param headers empty when the message had none
/// @param body in pieces, none empty
record JsonRequest(
    String requestId,
    String gatewayRequestId,
    String target,
    String method,
    String path,
    String query,
    HttpHeaders headers,
    List<byte[]> body) {}
