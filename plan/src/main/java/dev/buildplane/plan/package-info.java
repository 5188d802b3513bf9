/// Pure decisions: observed state to status and actions.
@NullMarked
package dev.buildplane.plan;

import org.jspecify.annotations.NullMarked;
