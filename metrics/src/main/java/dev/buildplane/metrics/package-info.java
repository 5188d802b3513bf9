/// The catalogue of metrics, and the registry every part of a process counts into.
@NullMarked
package dev.buildplane.metrics;

import org.jspecify.annotations.NullMarked;
