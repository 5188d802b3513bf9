/// The dialling side: targets, credentials, reconnecting.
@NullMarked
package dev.buildplane.agent;

import org.jspecify.annotations.NullMarked;
