/// Benchmarks.
@NullMarked
package dev.buildplane.bench;

import org.jspecify.annotations.NullMarked;
