/// The buildplane command.
@NullMarked
package dev.buildplane.cli;

import org.jspecify.annotations.NullMarked;
