package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `buildplane plane kubeconfig`.
@Command(
    name = "kubeconfig",
    description = {
      "Prints a kubeconfig with which kubectl works on a plane's cluster, through the gateway.",
      "",
      "Its user is the one of this command; it holds the user's key or token, so keep it as you keep that. What the user may do is decided by roles on the plane's '/proxy' in the control plane, and by the rights of the agent in its cluster."
    })
final class PlaneKubeconfigCommand extends HubCommand {
  @Mixin
  PlaneArgument argument = new PlaneArgument();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Write it there, readable by you only (default: print it)")
  @Nullable
  Path output;

  @Option(
      names = "--merge",
      description =
          "Add it as a context to the file of --output (default: that of KUBECONFIG, else ~/.kube/config)")
  boolean merge;

  @Override
  public Integer call() {
    var plane = argument.plane();
    JsonNode resource;
    try (var client = hub.connect()) {
      resource = PlaneGetCommand.require(client, plane);
    }
    var name = PlaneArgument.typed(plane);
    var kubeconfig = hub.planeKubeconfig(name, plane, PlaneTable.planeId(resource));
    if (merge) {
      merge(name, kubeconfig, output == null ? usersOwn() : output);
    } else if (output == null) {
      out().print(kubeconfig.text());
      out().flush();
    } else {
      write(name, kubeconfig, output);
    }
    return ExitCode.OK.code();
  }

  private void write(String name, Kubeconfig kubeconfig, Path file) {
    if (Files.exists(file) && Kubeconfig.read(file).hasOtherContexts(name)) {
      throw new CliProblem(
          "expected no file %s or one of this plane alone, found other contexts in it; add --merge to keep them"
              .formatted(file));
    }
    store(kubeconfig, file);
    out()
        .println("Wrote %s; use it with: kubectl --kubeconfig %s get pods --all-namespaces"
            .formatted(file, ShownCommands.quote(file.toString())));
  }

  private void merge(String name, Kubeconfig kubeconfig, Path file) {
    var before = Files.exists(file) ? Kubeconfig.read(file) : Kubeconfig.EMPTY;
    store(before.merged(kubeconfig), file);
    out()
        .println(
            "Added context %1$s to %2$s; use it with: kubectl --kubeconfig %3$s --context %1$s get pods --all-namespaces"
                .formatted(name, file, ShownCommands.quote(file.toString())));
  }

  private static void store(Kubeconfig kubeconfig, Path file) {
    var target = file.toAbsolutePath();
    try {
      Files.createDirectories(target.getParent());
      DataDirectory.writeSecret(target, kubeconfig.text());
    } catch (IOException | UncheckedIOException cannot) {
      throw new CliProblem(
          "expected to write %s, found: %s; choose another with --output"
              .formatted(file, cannot.getMessage()),
          cannot);
    }
  }

  /// The file kubectl itself would write to.
  private static Path usersOwn() {
    var set = System.getenv("KUBECONFIG");
    var first = set == null ? "" : set.split(java.io.File.pathSeparator, 2)[0];
    return first.isBlank()
        ? Path.of(System.getProperty("user.home"), ".kube", "config")
        : Path.of(first);
  }
}
