/// Executes Argo Workflows as local processes, through the Kubernetes API only.
@NullMarked
package dev.buildplane.runner;

import org.jspecify.annotations.NullMarked;
