/// Trace context of W3C, and spans by OpenTelemetry, whose classes nobody else knows and which are loaded only where tracing is on.
@NullMarked
package dev.buildplane.tracing;

import org.jspecify.annotations.NullMarked;
