/// Coverage-guided fuzz tests; all of them are tests, each in the package of what it tries.
@NullMarked
package dev.buildplane.fuzz;

import org.jspecify.annotations.NullMarked;
