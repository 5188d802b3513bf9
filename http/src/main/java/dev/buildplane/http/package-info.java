/// The one HTTP stack, on Netty: TLS, HTTP/1.1 and HTTP/2, routing by policy, streaming with
/// backpressure, WebSocket.
@NullMarked
package dev.buildplane.http;

import org.jspecify.annotations.NullMarked;
