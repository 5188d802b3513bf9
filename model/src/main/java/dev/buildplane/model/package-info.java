/// The resource kinds of openchoreo.dev/v1alpha1, conditions, limits; the CRD YAML is generated from here.
@NullMarked
package dev.buildplane.model;

import org.jspecify.annotations.NullMarked;
