/// Patches of Kubernetes objects: JSON Patch, merge patch, strategic merge patch, server-side apply. Pure.
@NullMarked
package dev.buildplane.patch;

import org.jspecify.annotations.NullMarked;
