package dev.buildplane.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// The CustomResourceDefinitions of all kinds, as YAML resources of this module beside this class (`crds/<plural>.yaml`).
/// They are generated from the types here and compared by a test.
public final class Crds {
  private static final List<String> OTHERS = List.of(
      "workflows",
      "workflowruns",
      "components",
      "componenttypes",
      "clustercomponenttypes",
      "projects",
      "secretreferences",
      "workloads");

  private Crds() {}

  /// Plural names of all kinds, planes first.
  public static List<String> plurals() {
    return Stream.concat(Arrays.stream(PlaneKind.values()).map(PlaneKind::plural), OTHERS.stream())
        .toList();
  }

  /// The CRD of a kind as YAML text.
  ///
  /// @param plural one of [#plurals]
  /// @throws IllegalArgumentException when there is no such kind
  public static String yaml(String plural) {
    try (var in = Crds.class.getResourceAsStream("crds/" + plural + ".yaml")) {
      if (in == null) {
        throw new IllegalArgumentException(
            "no CRD named " + plural + "; expected one of " + plurals());
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the CRD " + plural, e);
    }
  }

  /// All CRDs as YAML texts, planes first.
  public static List<String> all() {
    return plurals().stream().map(Crds::yaml).toList();
  }
}
