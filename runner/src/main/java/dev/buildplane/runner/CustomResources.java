package dev.buildplane.runner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// The definitions of the kinds a standalone build plane needs, as YAML: Argo's and those of External Secrets.
public final class CustomResources {
  private static final List<String> FILES = List.of(
      "workflows",
      "workflowtemplates",
      "clusterworkflowtemplates",
      "workflowtaskresults",
      "cronworkflows",
      "clustersecretstores",
      "externalsecrets");

  private CustomResources() {}

  /// One `CustomResourceDefinition` each.
  public static List<String> yaml() throws IOException {
    var documents = new ArrayList<String>();
    for (var name : FILES) {
      var path = "crds/" + name + ".yaml";
      try (var file = CustomResources.class.getResourceAsStream(path)) {
        if (file == null) {
          throw new IOException("the class path lacks dev/buildplane/runner/" + path);
        }
        documents.add(new String(file.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return List.copyOf(documents);
  }
}
