/// Agent admission, connection registry, proxy, plane API.
@NullMarked
package dev.buildplane.gateway;

import org.jspecify.annotations.NullMarked;
