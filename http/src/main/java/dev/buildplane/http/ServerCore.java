package dev.buildplane.http;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;

/// What all connections of one server share. Immutable but for `requests`, which counts blocking requests in flight, and
/// `handshakeFailures`.
record ServerCore(
    HttpServerSettings settings,
    Router router,
    ExecutorService handlers,
    Semaphore requests,
    LongAdder handshakeFailures) {
  HttpLimits limits() {
    return settings.limits();
  }
}
