package dev.buildplane.cli;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A git repository made of a folder of samples, so that a build has something to check out.
///
/// @param folder what the repository holds
/// @param repository a bare repository; kept and added to when it is there
record SampleRepository(Path folder, Path repository) {
  SampleRepository {
    repository = repository.toAbsolutePath();
  }

  private static final long GIT_PATIENCE_SECONDS = 60;

  /// As `git clone` takes it.
  String url() {
    return repository.toUri().toString();
  }

  /// Makes the repository's `main` branch hold the folder as it is now.
  void publish() throws IOException, InterruptedException {
    var parent = requireNonNull(repository.getParent(), "a repository lies in a folder");
    if (!Files.isDirectory(repository)) {
      Files.createDirectories(parent);
      git(parent, "init", "--quiet", "--bare", "--initial-branch=main", repository.toString());
    }
    var work = Files.createTempDirectory(parent, "work");
    try {
      git(work, "init", "--quiet", "--initial-branch=main");
      copy(work);
      git(work, "add", "--all");
      git(
          work,
          "-c",
          "user.name=Buildplane demo",
          "-c",
          "user.email=demo@buildplane.invalid",
          "-c",
          "commit.gpgsign=false",
          "commit",
          "--quiet",
          "--message=Import samples/greeter");
      git(work, "push", "--quiet", "--force", repository.toString(), "main");
    } finally {
      delete(work);
    }
  }

  private void copy(Path target) throws IOException {
    try (var files = Files.walk(folder)) {
      for (var file : files.filter(Files::isRegularFile).toList()) {
        var copy = target.resolve(folder.relativize(file).toString());
        Files.createDirectories(requireNonNull(copy.getParent(), "a file lies in a folder"));
        Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (var files = Files.walk(folder)) {
      for (var file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static void git(Path directory, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    Process process;
    try {
      process = new ProcessBuilder(command)
          .directory(directory.toFile())
          .redirectErrorStream(true)
          .start();
    } catch (IOException missing) {
      throw new CliProblem(
          "expected git on the PATH, found none (" + missing.getMessage() + "); install it",
          missing);
    }
    var output = new String(
        process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    if (!process.waitFor(GIT_PATIENCE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new CliProblem("git " + arguments[0] + " failed: " + output.strip());
    }
  }
}
