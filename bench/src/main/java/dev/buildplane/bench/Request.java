package dev.buildplane.bench;

import java.util.Map;

/// One request to send.
///
/// @param path with the query, as it goes on the wire
/// @param headers lower-case names
/// @param body sent `repeats` times after the head; empty for none
record Request(String method, String path, Map<String, String> headers, byte[] body, long repeats) {
  /// With one header: the agent of OpenChoreo v0.17 crashes at a request without any.
  static Request get(String path) {
    return new Request("GET", path, Map.of("accept", "*/*"), new byte[0], 0);
  }

  static Request post(String path, String contentType, byte[] body) {
    return new Request("POST", path, Map.of("content-type", contentType), body, 1);
  }

  /// An upload of that many blocks.
  static Request upload(String path, byte[] block, long repeats) {
    return new Request(
        "POST", path, Map.of("content-type", "application/octet-stream"), block, repeats);
  }

  long bodyBytes() {
    return body.length * repeats;
  }
}
