/// Fakes, clocks, hostile peers and certificates for tests.
@NullMarked
package dev.buildplane.testkit;

import org.jspecify.annotations.NullMarked;
