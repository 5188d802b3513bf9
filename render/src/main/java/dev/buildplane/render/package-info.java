/// Parameter-schema shorthand, CEL templates, rendering of runs. Pure.
@NullMarked
package dev.buildplane.render;

import org.jspecify.annotations.NullMarked;
