package dev.buildplane.http;

/// Answers one request on its event loop, without a thread of its own. Must not block. An exception that leaves
/// [#handle] becomes the answer as with [HttpHandler].
@FunctionalInterface
public interface AsyncHandler {
  void handle(AsyncExchange exchange) throws Exception;
}
