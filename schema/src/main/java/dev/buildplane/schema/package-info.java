/// Structural schemas of the Kubernetes kind: validation, pruning, defaulting, CEL rules. Pure.
@NullMarked
package dev.buildplane.schema;

import org.jspecify.annotations.NullMarked;
