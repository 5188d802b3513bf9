package dev.buildplane.runner;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How one step sees files: by mounts where it has a namespace of its own, otherwise by rewriting paths in what it is told.
///
/// Rewriting replaces a mount path wherever it stands as a whole path or as the beginning of one. It cannot see paths that a program puts
/// together by itself; that is the price of running without namespaces.
final class FileView {
  /// @param source on the host
  /// @param target absolute path as the template says
  record Mount(Path source, String target, boolean readOnly) {}

  private final boolean isolated;
  private final StepDirectory step;
  private final List<Mount> mounts = new ArrayList<>();

  FileView(boolean isolated, StepDirectory step) {
    this.isolated = isolated;
    this.step = step;
  }

  void add(Mount mount) throws StepProblem {
    var target = Path.of(mount.target()).normalize().toString();
    if (!target.startsWith("/") || target.equals("/") || target.matches("(?s).*[\t\n].*")) {
      throw new StepProblem("volumeMounts: expected an absolute mountPath other than /, found \""
          + mount.target() + "\"");
    }
    mounts.add(new Mount(mount.source(), target, mount.readOnly()));
  }

  String rewritten(String text) {
    if (isolated) {
      return text;
    }
    var all = new ArrayList<>(mounts);
    all.add(new Mount(step.file("tmp"), "/tmp", false));
    all.sort(Comparator.comparingInt((Mount mount) -> mount.target().length()).reversed());
    var targets = new StringBuilder();
    for (var mount : all) {
      targets.append(targets.isEmpty() ? "" : "|").append(Pattern.quote(mount.target()));
    }
    var pattern = Pattern.compile("(?<![A-Za-z0-9_.\\-/}])(" + targets + ")(?![A-Za-z0-9_.\\-])");
    return pattern
        .matcher(text)
        .replaceAll(match -> Matcher.quoteReplacement(source(all, match.group(1))));
  }

  private static String source(List<Mount> mounts, String target) {
    return mounts.stream()
        .filter(mount -> mount.target().equals(target))
        .findFirst()
        .map(mount -> mount.source().toString())
        .orElse(target);
  }

  /// Writes the mounts for the launcher, parents before children.
  void write(RunnerSettings settings) throws IOException {
    var lines = new StringBuilder();
    for (var hidden : settings.hidden()) {
      lines.append("hide\t").append(hidden).append('\n');
    }
    for (var writable : settings.writable()) {
      lines.append("bind\t").append(writable).append('\t').append(writable).append("\trw\n");
    }
    mounts.sort(Comparator.comparingInt(mount -> mount.target().length()));
    for (var mount : mounts) {
      lines.append("bind\t").append(mount.source()).append('\t').append(mount.target());
      lines.append(mount.readOnly() ? "\tro\n" : "\trw\n");
    }
    Files.writeString(step.file("mounts"), lines.toString());
  }
}
