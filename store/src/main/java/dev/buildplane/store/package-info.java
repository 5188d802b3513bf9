/// A versioned object log with watch, on an embedded database.
@NullMarked
package dev.buildplane.store;

import org.jspecify.annotations.NullMarked;
