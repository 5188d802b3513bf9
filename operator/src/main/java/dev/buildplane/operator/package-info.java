/// Reconcilers for planes and runs; all deciding is in plan.
@NullMarked
package dev.buildplane.operator;

import org.jspecify.annotations.NullMarked;
