/// Kubernetes-compatible HTTP over the store.
@NullMarked
package dev.buildplane.apiserver;

import org.jspecify.annotations.NullMarked;
