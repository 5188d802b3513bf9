/// HTTP/2 reversed inside a WebSocket, both ends.
@NullMarked
package dev.buildplane.tunnel;

import org.jspecify.annotations.NullMarked;
