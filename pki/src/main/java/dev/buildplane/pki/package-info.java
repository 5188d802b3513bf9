/// Certificates: reading trust bundles, judging chains, issuing for standalone mode and tests.
@NullMarked
package dev.buildplane.pki;

import org.jspecify.annotations.NullMarked;
