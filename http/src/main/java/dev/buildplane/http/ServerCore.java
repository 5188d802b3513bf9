package dev.buildplane.http;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;

/// What all connections of one server share. Immutable but for `requests`, which counts blocking requests in flight.
record ServerCore(
    HttpServerSettings settings, Router router, ExecutorService handlers, Semaphore requests) {
  HttpLimits limits() {
    return settings.limits();
  }
}
