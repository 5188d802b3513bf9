package dev.buildplane.cli;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// A plane as typed on the command line: `NAME`, `KIND/NAME` or `KIND/NAMESPACE/NAME`.
final class PlaneArgument {
  @Parameters(
      paramLabel = "[KIND/]NAME",
      description =
          "The plane, as 'plane list' names it; a bare name is a ClusterBuildPlane, or with --namespace a BuildPlane")
  String reference = "";

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NAMESPACE",
      description = "Namespace of a namespaced plane")
  @Nullable
  String namespace;

  PlaneRef plane() {
    return parse(reference, namespace);
  }

  static PlaneRef parse(String text, @Nullable String namespace) {
    var parts = text.split("/", -1);
    if (parts.length > 3) {
      throw usage(text);
    }
    var kind = parts.length > 1
        ? kind(parts[0]).orElseThrow(() -> usage(text))
        : namespace == null ? PlaneKind.CLUSTER_BUILD : PlaneKind.BUILD;
    var name = parts[parts.length - 1];
    if (name.isEmpty()) {
      throw usage(text);
    }
    return in(kind, parts.length == 3 ? parts[1] : namespace, name);
  }

  /// @param namespace ignored for a cluster-scoped kind
  static PlaneRef in(PlaneKind kind, @Nullable String namespace, String name) {
    if (kind.clusterScoped()) {
      return new PlaneRef(kind, null, name);
    }
    if (namespace == null || namespace.isEmpty()) {
      throw new CliProblem(
          "expected the namespace of %s/%s, found none; add --namespace"
              .formatted(kind.singular(), name),
          ExitCode.USAGE);
    }
    return new PlaneRef(kind, namespace, name);
  }

  /// The kind of a name as kubectl takes it: singular, plural or short, in any case.
  static Optional<PlaneKind> kind(String text) {
    var wanted = text.toLowerCase(Locale.ROOT);
    return Arrays.stream(PlaneKind.values())
        .filter(kind -> wanted.equals(kind.singular())
            || wanted.equals(kind.plural())
            || kind.shortNames().contains(wanted))
        .findFirst();
  }

  /// As [#parse] reads it: `clusterbuildplane/eu` or `buildplane/prod/eu`.
  static String typed(PlaneRef plane) {
    var namespace = plane.namespace();
    return plane.kind().singular() + "/" + (namespace == null ? "" : namespace + "/")
        + plane.name();
  }

  private static CliProblem usage(String text) {
    return new CliProblem(
        "expected NAME, KIND/NAME or KIND/NAMESPACE/NAME with a KIND of %s, found '%s'"
            .formatted(
                Arrays.stream(PlaneKind.values()).map(PlaneKind::singular).toList(), text),
        ExitCode.USAGE);
  }
}
