package dev.buildplane.http;

/// Answers one request. Called on a virtual thread of its own, so it may block.
///
/// An exception that leaves it becomes the answer: [HttpProblem] as it says, anything else 500 with
/// the request id
/// (and a log line with the stack). After the head of the answer has gone out, the stream or
/// connection is reset instead,
/// so that the caller never takes a cut answer for a whole one.
@FunctionalInterface
public interface HttpHandler {
  void handle(HttpExchange exchange) throws Exception;
}
